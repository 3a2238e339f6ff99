/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "boot/cpu.h"
#include "kernel/clock.h"
#include "kernel/event.h"
#include "kernel/timer.h"

static uint32_t signalled;

void event_signal(void) {
    __atomic_store_n(&signalled, 1, __ATOMIC_RELEASE);
}

static bool take_signal(void) {
    return __atomic_exchange_n(&signalled, 0, __ATOMIC_ACQUIRE);
}

static void on_deadline(ktimer_t *timer) {
    (void)timer;
    event_signal();
}

static void halt_until_signal(void) {
    for (;;) {
        interrupts_disable();
        if (take_signal()) {
            interrupts_enable();
            return;
        }
        interrupts_enable_and_halt();
    }
}

void event_wait(uint64_t deadline_ns) {
    static ktimer_t timer;
    if (take_signal()) {
        return;
    }
    if (deadline_ns == EVENT_FOREVER) {
        halt_until_signal();
    } else if (clock_monotonic_ns() < deadline_ns) {
        timer_start(&timer, deadline_ns, on_deadline);
        halt_until_signal();
        timer_stop(&timer);
    }
}
