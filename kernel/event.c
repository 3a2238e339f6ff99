/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "kernel/event.h"

void event_signal(event_t *event) {
    __atomic_fetch_add(&event->signals, 1, __ATOMIC_RELEASE);
    wait_wake(&event->signals, WAKE_ALL);
}

void event_wait(event_t *event, event_waiter_t *waiter, uint64_t deadline_ns) {
    if (__atomic_load_n(&event->signals, __ATOMIC_ACQUIRE) == waiter->seen) {
        wait_on_interruptible(&event->signals, waiter->seen, deadline_ns);
    }
    waiter->seen = __atomic_load_n(&event->signals, __ATOMIC_ACQUIRE);
}
