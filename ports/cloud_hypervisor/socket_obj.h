/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Sockets: Python's view of kernel/net/socket.h. With the GIL, which is released wherever one waits, so that other threads go
 * on. Ctrl-C, a timeout and a close by another thread end a wait. */
#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_SOCKET_OBJ_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_SOCKET_OBJ_H

#include "py/obj.h"

extern const mp_obj_type_t socket_type;
extern const mp_obj_type_t socket_timeout_type;

// A socket crosses to another interpreter as what the kernel has of it. Both are owners then: it ends when both have closed
// it. With the GIL; they raise OSError.

bool socket_obj_is(mp_obj_t obj);

// An object more, for the message to hold: nobody uses it, and it is given up when it is on its way.
mp_obj_t socket_obj_again(mp_obj_t obj);
void socket_obj_give_up(mp_obj_t obj);

struct _kobject_t *socket_obj_kobject(mp_obj_t obj);
void socket_obj_kind(mp_obj_t obj, int kind[3]); // Family, type and protocol.
bool socket_obj_is_kobject(const struct _kobject_t *object);

// In the other interpreter, once.
mp_obj_t socket_obj_from(struct _kobject_t *object, const int kind[3]);

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_SOCKET_OBJ_H
