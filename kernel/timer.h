/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* One-shot timers on the local APIC's timer. No timer set: no timer interrupt. */
#ifndef MICROPY_INCLUDED_KERNEL_TIMER_H
#define MICROPY_INCLUDED_KERNEL_TIMER_H

#include <stdbool.h>
#include <stdint.h>

typedef struct _ktimer_t {
    struct _ktimer_t *next; /* Queue of this CPU, earliest first. */
    uint64_t deadline_ns;   /* On the clock of clock_monotonic_ns(). */
    void (*fn)(struct _ktimer_t *timer);
    bool queued;
} ktimer_t;

/* Has `fn` called once, in interrupt context with interrupts off, at `deadline_ns` or
 * soon after. A timer that is queued already is moved. The memory must be kernel memory or
 * surely mapped (the interrupt may come in any address space). Any thread. */
void timer_start(ktimer_t *timer, uint64_t deadline_ns, void (*fn)(ktimer_t *timer));

/* Takes the timer out of the queue. Returns true where it had not fired. Any thread. */
bool timer_stop(ktimer_t *timer);

/* Allows timer_start(). Once a CPU, after the local APIC is up. */
void timer_init(void);

#endif // MICROPY_INCLUDED_KERNEL_TIMER_H
