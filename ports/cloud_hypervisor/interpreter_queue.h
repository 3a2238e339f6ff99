/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* _interpreters.Queue, what concurrent.interpreters makes its Queue of. With the GIL. */
#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_INTERPRETER_QUEUE_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_INTERPRETER_QUEUE_H

#include "py/obj.h"

#include "kernel/queue.h"

extern const mp_obj_type_t interpreter_queue_type;

// An object for a queue that its giver holds on.
mp_obj_t interpreter_queue_new(queue_t *queue);

// The reverse. The object holds it.
queue_t *interpreter_queue_of(mp_obj_t obj);

// find_queue(id): the one with the lowest id from there on; None: there is none.
MP_DECLARE_CONST_FUN_OBJ_1(interpreter_queue_find_obj);

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_INTERPRETER_QUEUE_H
