/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Sleeping until something happens. */
#ifndef MICROPY_INCLUDED_KERNEL_EVENT_H
#define MICROPY_INCLUDED_KERNEL_EVENT_H

#include <stdint.h>

#include "kernel/wait.h"

#define EVENT_FOREVER WAIT_FOREVER

/* Zeroed memory. */
typedef struct _event_t {
    uint32_t signals; /* Wraps: a waiter that misses 2^32 of them is none. */
} event_t;

/* How many signals a waiter has seen. All zero at first. Who waits in the middle of another
 * wait (a callback that sleeps) is a waiter of its own: it takes no signal away from the other. */
typedef struct _event_waiter_t {
    uint32_t seen;
} event_waiter_t;

/* Says that something happened that a sleeper may wait for. Any context, interrupt
 * handlers above all. It is remembered: each waiter's next event_wait() returns at once. */
void event_signal(event_t *event);

/* Waits until event_signal() was called (since the waiter's last event_wait()), or
 * until the monotonic clock reaches `deadline_ns` (EVENT_FOREVER: no limit). May return early;
 * the caller looks again at what it waits for. Thread context, interrupts on, no lock held. */
void event_wait(event_t *event, event_waiter_t *waiter, uint64_t deadline_ns);

#endif // MICROPY_INCLUDED_KERNEL_EVENT_H
