/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "kernel/event.h"

static uint32_t signals; // Wraps: a waiter that misses 2^32 of them is none.

void event_signal(void) {
    __atomic_fetch_add(&signals, 1, __ATOMIC_RELEASE);
    wait_wake(&signals, WAKE_ALL);
}

void event_wait(event_waiter_t *waiter, uint64_t deadline_ns) {
    if (__atomic_load_n(&signals, __ATOMIC_ACQUIRE) == waiter->seen) {
        wait_on_interruptible(&signals, waiter->seen, deadline_ns);
    }
    waiter->seen = __atomic_load_n(&signals, __ATOMIC_ACQUIRE);
}
