/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The clock and the alarm under shared/runtime/softtimer.c, which machine.Timer uses. */

#include "py/mphal.h"
#include "py/runtime.h"
#include "shared/runtime/softtimer.h"

#include "kernel/clock.h"
#include "kernel/interpreters.h"

#define NS_PER_MS 1000000

static mp_sched_node_t node;

uint32_t soft_timer_get_ms(void) {
    return mp_hal_ticks_ms();
}

// In the interpreter's own thread, between two bytecodes or while it waits.
static void run_timers(mp_sched_node_t *self) {
    (void)self;
    soft_timer_handler();
}

// In interrupt context, in this interpreter's address space.
static void on_deadline(void) {
    mp_sched_schedule_node(&node, run_timers);
}

void soft_timer_schedule_at_ms(uint32_t ticks_ms) {
    uint64_t now_ms = clock_monotonic_ns() / NS_PER_MS;
    int32_t ahead_ms = soft_timer_ticks_diff(ticks_ms, now_ms);
    interpreter_set_alarm((now_ms + MAX(ahead_ms, 0)) * NS_PER_MS, on_deadline);
}
