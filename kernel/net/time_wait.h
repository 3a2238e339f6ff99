/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Connections in TIME-WAIT. One that was closed in one direction at this end, and by the other end, still has its socket, which
 * lwIP 2.2.1 does not tell when it frees it. With the network's lock. */
#ifndef MICROPY_INCLUDED_KERNEL_NET_TIME_WAIT_H
#define MICROPY_INCLUDED_KERNEL_NET_TIME_WAIT_H

struct tcp_pcb;

/* Its socket, if it has one, is told that it is no more; what has come can still be read. Gives the connection back, which is
 * to be freed. */
struct tcp_pcb *time_wait_disown(struct tcp_pcb *pcb);

/* Before each tcp_tmr(): what it is about to free is nobody's then. */
void time_wait_tick(void);

/* Gives up the oldest where there are too many. */
void time_wait_limit(void);

#endif // MICROPY_INCLUDED_KERNEL_NET_TIME_WAIT_H
