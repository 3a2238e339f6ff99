/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <stdbool.h>

#include "boot/cpu.h"
#include "kernel/clock.h"
#include "kernel/event.h"
#include "kernel/timer.h"

static uint32_t signals; // Wraps: a waiter that misses 2^32 of them is none.

void event_signal(void) {
    __atomic_fetch_add(&signals, 1, __ATOMIC_RELEASE);
}

static bool take_signals(event_waiter_t *waiter) {
    uint32_t now = __atomic_load_n(&signals, __ATOMIC_ACQUIRE);
    bool new = now != waiter->seen;
    waiter->seen = now;
    return new;
}

static void on_deadline(ktimer_t *timer) {
    (void)timer;
    event_signal();
}

static void halt_until_signal(event_waiter_t *waiter) {
    for (;;) {
        interrupts_disable();
        if (take_signals(waiter)) {
            interrupts_enable();
            return;
        }
        interrupts_enable_and_halt();
    }
}

void event_wait(event_waiter_t *waiter, uint64_t deadline_ns) {
    static ktimer_t timer;
    if (take_signals(waiter)) {
        return;
    }
    if (deadline_ns == EVENT_FOREVER) {
        halt_until_signal(waiter);
    } else if (clock_monotonic_ns() < deadline_ns) {
        timer_start(&timer, deadline_ns, on_deadline);
        halt_until_signal(waiter);
        timer_stop(&timer);
    }
}
