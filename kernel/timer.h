/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* One-shot timers on the local APIC's timer. No timer set: no timer interrupt, but one that a timer which was stopped
 * has left, until the CPU halts. */
#ifndef MICROPY_INCLUDED_KERNEL_TIMER_H
#define MICROPY_INCLUDED_KERNEL_TIMER_H

#include <stdbool.h>
#include <stdint.h>

typedef struct _ktimer_t {
    struct _ktimer_t *next; /* Queue of a CPU, earliest first. */
    struct _kernel_cpu_t *cpu; /* That CPU, or the last one. */
    uint64_t deadline_ns;   /* On the clock of clock_monotonic_ns(). */
    void (*fn)(struct _ktimer_t *timer);
    bool queued;
} ktimer_t;

/* Has `fn` called once, in interrupt context with interrupts off, at `deadline_ns` or
 * soon after, on this CPU. A timer that is queued already is moved. One timer is started by
 * one CPU at a time: its owner sees to that. The memory must be kernel memory or
 * surely mapped (the interrupt may come in any address space). Any thread. */
void timer_start(ktimer_t *timer, uint64_t deadline_ns, void (*fn)(ktimer_t *timer));

/* Takes the timer out of its queue. Returns true where it had not fired. Otherwise its function is not
 * running any more, unless this was called by it. Any thread that holds no lock which that takes. */
bool timer_stop(ktimer_t *timer);

/* This CPU is about to halt: no timer that was stopped wakes it, where no other is queued. Interrupts off. */
void timer_before_halt(void);

/* Allows timer_start(). Boot CPU, once, after the local APIC is up. */
void timer_init(void);

/* The same for each other CPU, on it. */
void timer_init_cpu(void);

#endif // MICROPY_INCLUDED_KERNEL_TIMER_H
