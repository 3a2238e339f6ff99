/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What lwIP calls of ours, by LWIP_HOOK_... in lwipopts.h. */
#ifndef MICROPY_INCLUDED_KERNEL_NET_HOOKS_H
#define MICROPY_INCLUDED_KERNEL_NET_HOOKS_H

#include "lwip/ip_addr.h"

/* The first sequence number of a connection, which grows with time for one pair of ends: RFC 6528, 3. */
u32_t net_tcp_isn(const ip_addr_t *local_ip, u16_t local_port, const ip_addr_t *remote_ip, u16_t remote_port);

#endif // MICROPY_INCLUDED_KERNEL_NET_HOOKS_H
