/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <stddef.h>

#include "boot/cpu.h"
#include "boot/idt.h"
#include "drivers/kvmclock.h"
#include "drivers/lapic.h"
#include "kernel/clock.h"
#include "kernel/cpu_state.h"
#include "kernel/panic.h"
#include "kernel/timer.h"

#define NS_PER_S 1000000000ull

/* What lapic_timer_init() divides the APIC's clock by. */
#define DIVIDER 16

/* The count-down timer is measured over this time, between readings that are the best of a few. */
#define WINDOW_NS 10000000
#define TRIES 8

/* Keeps a count within 64 bits on its way to ticks: clocks up to 4 GHz. */
#define LONGEST_COUNT_NS (4 * NS_PER_S)

static uint8_t vector;
static uint64_t count_hz; // Of the count-down timer; 0: not known yet.

/* A reading of the count-down timer, made at some moment between two of the clock's. */
typedef struct _sample_t {
    uint64_t before_ns, after_ns;
    uint32_t count;
} sample_t;

/* The host may stop us between two readings: the least doubtful of some. */
static sample_t sample(void) {
    sample_t best = { 0, UINT64_MAX, 0 };
    for (unsigned i = 0; i < TRIES; ++i) {
        sample_t now = { .before_ns = clock_monotonic_ns() };
        now.count = lapic_timer_count();
        now.after_ns = clock_monotonic_ns();
        if (now.after_ns - now.before_ns < best.after_ns - best.before_ns) {
            best = now;
        }
    }
    return best;
}

/* Measures the count-down timer against the clock. Rather too low than too high: a timer that is
 * early for that is armed again. */
static uint64_t measure_count_hz(void) {
    uint64_t told = hypervisor_apic_hz();
    if (told) {
        return told / DIVIDER;
    }
    // The count is much longer than the window, so no interrupt comes of it.
    lapic_timer_set_count(UINT32_MAX);
    sample_t start = sample(), end;
    do {
        end = sample();
    } while (end.after_ns - start.before_ns < WINDOW_NS);
    lapic_timer_set_count(0);
    if (start.count == end.count) {
        panic("the local APIC's timer does not count");
    }
    return (uint64_t)(start.count - end.count) * NS_PER_S / (end.after_ns - start.before_ns);
}

static void arm_count(uint64_t deadline_ns) {
    if (!count_hz) {
        count_hz = measure_count_hz();
    }
    uint64_t now = clock_monotonic_ns();
    uint64_t ns = deadline_ns > now ? deadline_ns - now : 0;
    // A deadline further away is armed again when this count has run out.
    ns = ns < LONGEST_COUNT_NS ? ns : LONGEST_COUNT_NS;
    uint64_t ticks = ns * count_hz / NS_PER_S + 1;
    lapic_timer_set_count(ticks < UINT32_MAX ? ticks : UINT32_MAX);
}

/* Sets the hardware, to no deadline where that is 0. Each time is a VM exit. Interrupts off. */
static void set_hardware(kernel_cpu_t *cpu, uint64_t deadline_ns) {
    cpu->timer_armed_ns = deadline_ns;
    if (lapic_timer_has_deadline()) {
        lapic_timer_set_deadline(deadline_ns ? clock_tsc_at(deadline_ns) : 0);
    } else if (deadline_ns) {
        arm_count(deadline_ns);
    } else {
        lapic_timer_set_count(0);
    }
}

/* Has the hardware interrupt at the first deadline, or before: it is set anew then. So a timer that is stopped, as
 * most are, costs nothing, and the next one neither. Interrupts off. */
static void arm(kernel_cpu_t *cpu) {
    if (cpu->timers && (!cpu->timer_armed_ns || cpu->timers->deadline_ns < cpu->timer_armed_ns)) {
        set_hardware(cpu, cpu->timers->deadline_ns);
    }
}

static void insert(kernel_cpu_t *cpu, ktimer_t *timer) {
    ktimer_t **at = &cpu->timers;
    while (*at && (*at)->deadline_ns <= timer->deadline_ns) {
        at = &(*at)->next;
    }
    timer->next = *at;
    *at = timer;
    timer->queued = true;
}

static bool take_out(kernel_cpu_t *cpu, ktimer_t *timer) {
    for (ktimer_t **at = &cpu->timers; *at; at = &(*at)->next) {
        if (*at == timer) {
            *at = timer->next;
            timer->queued = false;
            return true;
        }
    }
    return false;
}

static void on_interrupt(interrupt_frame_t *frame) {
    (void)frame;
    kernel_cpu_t *cpu = kernel_cpu();
    spin_lock(&cpu->timer_lock);
    cpu->timer_armed_ns = 0;
    uint64_t now = clock_monotonic_ns();
    while (cpu->timers && cpu->timers->deadline_ns <= now) {
        ktimer_t *timer = cpu->timers;
        take_out(cpu, timer);
        __atomic_store_n(&cpu->firing, timer, __ATOMIC_RELAXED);
        spin_unlock(&cpu->timer_lock);
        timer->fn(timer); // It may be gone afterwards.
        spin_lock(&cpu->timer_lock);
        __atomic_store_n(&cpu->firing, NULL, __ATOMIC_RELEASE);
    }
    arm(cpu);
    spin_unlock(&cpu->timer_lock);
    lapic_eoi();
}

/* Takes a queued timer out, wherever it is queued. The hardware stays set: it finds nothing to do then.
 * Interrupts off. */
static bool remove(ktimer_t *timer) {
    kernel_cpu_t *cpu = __atomic_load_n(&timer->cpu, __ATOMIC_ACQUIRE);
    if (!cpu) {
        return false;
    }
    spin_lock(&cpu->timer_lock);
    bool was_queued = timer->queued && take_out(cpu, timer);
    spin_unlock(&cpu->timer_lock);
    while (!was_queued && cpu != kernel_cpu() && __atomic_load_n(&cpu->firing, __ATOMIC_ACQUIRE) == timer) {
        cpu_relax();
    }
    return was_queued;
}

void timer_start(ktimer_t *timer, uint64_t deadline_ns, void (*fn)(ktimer_t *timer)) {
    uint64_t flags = interrupts_save_disable();
    remove(timer);
    kernel_cpu_t *cpu = kernel_cpu();
    spin_lock(&cpu->timer_lock);
    timer->deadline_ns = deadline_ns ? deadline_ns : 1;
    timer->fn = fn;
    timer->cpu = cpu;
    insert(cpu, timer);
    arm(cpu);
    spin_unlock(&cpu->timer_lock);
    interrupts_restore(flags);
}

bool timer_stop(ktimer_t *timer) {
    uint64_t flags = interrupts_save_disable();
    bool was_queued = remove(timer);
    interrupts_restore(flags);
    return was_queued;
}

void timer_before_halt(void) {
    kernel_cpu_t *cpu = kernel_cpu();
    if (cpu->timer_armed_ns) {
        spin_lock(&cpu->timer_lock);
        if (!cpu->timers) {
            set_hardware(cpu, 0);
        }
        spin_unlock(&cpu->timer_lock);
    }
}

void timer_init_cpu(void) {
    spin_init(&kernel_cpu()->timer_lock, LOCK_RANK_TIMER);
    lapic_timer_init(vector);
}

void timer_init(void) {
    vector = interrupt_allocate_vector("timer", on_interrupt);
    timer_init_cpu();
}
