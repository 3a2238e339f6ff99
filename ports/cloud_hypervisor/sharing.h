/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Values as messages of the kernel's, on their way from one interpreter to another. With the GIL. */
#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_SHARING_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_SHARING_H

#include "py/obj.h"

#include "kernel/message.h"

// Raises what transfer_encode() raises.
message_t *sharing_send(mp_obj_t value);

// The value of the message that was begun last (message_begin()), which it ends. Raises what transfer_decode() raises.
mp_obj_t sharing_receive(void);

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_SHARING_H
