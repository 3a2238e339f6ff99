/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Sleeping until something happens. */
#ifndef MICROPY_INCLUDED_KERNEL_EVENT_H
#define MICROPY_INCLUDED_KERNEL_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#define EVENT_FOREVER UINT64_MAX

/* Says that something happened that a sleeper may wait for. Any context, interrupt
 * handlers above all. It is remembered: the next event_wait() returns at once. */
void event_signal(void);

/* Halts this CPU until event_signal() was called (since the last event_wait()), or until
 * the monotonic clock reaches `deadline_ns` (EVENT_FOREVER: no limit). May return early;
 * the caller looks again at what it waits for. Thread context, interrupts on, no lock held. */
void event_wait(uint64_t deadline_ns);

#endif // MICROPY_INCLUDED_KERNEL_EVENT_H
