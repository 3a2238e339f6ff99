/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Addresses of sockets: tuples, as Python has them, and lwIP's. With the GIL. */
#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_SOCKET_ADDRESS_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_SOCKET_ADDRESS_H

#include "py/obj.h"

#include "lwip/sockets.h"

// (host, port), of IPv6 also (host, port, flowinfo, scope_id). Stores the address and returns how long it is. `host` may be
// a name, which is asked for, without the GIL, until the monotonic clock reaches `deadline_ns`. Raises OSError and
// gaierror; TypeError and ValueError for what is no address.
socklen_t socket_address_of(mp_obj_t tuple, int family, uint64_t deadline_ns, struct sockaddr_storage *address);

// As RFC 5952 has it: in small letters.
mp_obj_t socket_ip_text(const ip_addr_t *ip);

mp_obj_t socket_address_new(const struct sockaddr_storage *address);

extern const mp_obj_type_t socket_gaierror_type;

MP_DECLARE_CONST_FUN_OBJ_KW(socket_getaddrinfo_obj);
MP_DECLARE_CONST_FUN_OBJ_2(socket_inet_pton_obj);
MP_DECLARE_CONST_FUN_OBJ_2(socket_inet_ntop_obj);

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_SOCKET_ADDRESS_H
