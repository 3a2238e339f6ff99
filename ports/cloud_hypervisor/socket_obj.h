/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Sockets: Python's view of kernel/net/socket.h. With the GIL, which is released wherever one waits, so that other threads go
 * on. Ctrl-C, a timeout and a close by another thread end a wait. */
#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_SOCKET_OBJ_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_SOCKET_OBJ_H

#include "py/obj.h"

extern const mp_obj_type_t socket_type;
extern const mp_obj_type_t socket_timeout_type;

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_SOCKET_OBJ_H
