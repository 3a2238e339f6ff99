/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* lwIP's timers, which wake the machine only where something is to be done: with the network idle there are none. Each
 * counts ticks of its own length. When it has to tick by itself is found by looking at what it counts for
 * (kernel/net/timer_needs.h); the ticks in between are made up for when the lock is taken next, before anything else is
 * done. */
#ifndef MICROPY_INCLUDED_KERNEL_NET_TIMERS_H
#define MICROPY_INCLUDED_KERNEL_NET_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

struct _mailbox_t;

/* What sys_timeouts_sleeptime() says: sys_arch_mbox_fetch() is to ask timers_sleep_until(). */
#define TIMERS_SLEEPTIME 0xfffffffeu

/* At the beginning of a locked section: whether ticks are due; and has them. */
bool timers_are_due(void);
void timers_catch_up(void);

/* At its end: finds when the next tick is to be, and has the network's thread know if that is earlier than it was. */
void timers_look(void);

/* Calls of sys_timeout() with that argument are taken back. With the network's lock. */
void timers_forget(const void *arg);

/* For the network's thread, which waits for a message there: until when, by the monotonic clock. From then on it is nudged
 * (arch/sys_arch.h) where that is to be earlier. */
uint64_t timers_sleep_until(struct _mailbox_t *where);

#endif // MICROPY_INCLUDED_KERNEL_NET_TIMERS_H
