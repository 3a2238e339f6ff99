/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The network's middle: lwIP, and the one lock under which it is called. Nothing of it exists before net_start(). */
#ifndef MICROPY_INCLUDED_KERNEL_NET_CORE_H
#define MICROPY_INCLUDED_KERNEL_NET_CORE_H

#include <stdbool.h>

/* Starts lwIP and its thread, if it was not started yet; then there is the interface lo. False where memory is missing.
 * Thread context, without the lock. */
bool net_start(void);

/* Whether it was started. Any context. */
bool net_is_started(void);

/* Around each call of lwIP's (lwip/tcpip.h: LOCK_TCPIP_CORE). They do not nest. The lock makes up for timers that did not
 * run while nothing was there to do. Before it is given back, what was sent to oneself is received, and what was queued
 * for devices is shown to them. Thread context; after net_start(). */
void net_lock(void);
void net_unlock(void);

/* What sends, and is told at the end of each locked section. */
typedef struct _net_outlet_t {
    struct _net_outlet_t *next;
    void (*flush)(struct _net_outlet_t *self);   /* Gives the device what was queued. */
    void (*reclaim)(struct _net_outlet_t *self); /* Frees what was sent: a timer may want to send it again. */
} net_outlet_t;

/* From now on it is told; or no more. With the lock. */
void net_add_outlet(net_outlet_t *outlet);
void net_remove_outlet(net_outlet_t *outlet);

/* Ends the machine where this thread does not have the lock. */
void net_check_locked(void);

/* What lwIP has refused this thread last: a number of py/mperrno.h. It is set where a function says that it has failed. */
int *net_errno(void);

#endif // MICROPY_INCLUDED_KERNEL_NET_CORE_H
