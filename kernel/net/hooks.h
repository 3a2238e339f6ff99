/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What lwIP calls of ours, by LWIP_HOOK_... in lwipopts.h. */
#ifndef MICROPY_INCLUDED_KERNEL_NET_HOOKS_H
#define MICROPY_INCLUDED_KERNEL_NET_HOOKS_H

#include "lwip/err.h"
#include "lwip/ip_addr.h"

struct netif;
struct pbuf;
struct tcp_hdr;
struct tcp_pcb;
struct tcp_pcb_listen;

/* The first sequence number of a connection, which grows with time for one pair of ends: RFC 6528, 3. */
u32_t net_tcp_isn(const ip_addr_t *local_ip, u16_t local_port, const ip_addr_t *remote_ip, u16_t remote_port);

typedef void (*net_tcp_listen_t)(struct tcp_pcb_listen *listener);

/* Of a segment for a connection in TIME-WAIT, or for who listens: ERR_OK, or it is done with, by `listen`:
 * kernel/net/tcp_syn.c. */
err_t net_tcp_syn(struct tcp_pcb *pcb, const struct tcp_hdr *segment, net_tcp_listen_t listen);

/* Of a segment for any other connection: ERR_OK, or it is done with: kernel/net/tcp_window.c. `p`: what it carries. */
err_t net_tcp_fits(struct tcp_pcb *pcb, const struct tcp_hdr *segment, const struct pbuf *p);

/* The interface for packets from one of our addresses to another network, or NULL: lwIP's choice. `source` may be NULL. */
struct netif *net_route(const ip4_addr_t *source, const ip4_addr_t *dest);

#endif // MICROPY_INCLUDED_KERNEL_NET_HOOKS_H
