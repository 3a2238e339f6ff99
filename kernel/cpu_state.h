/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The kernel's part of a CPU's state, behind the part of boot/. */
#ifndef MICROPY_INCLUDED_KERNEL_CPU_STATE_H
#define MICROPY_INCLUDED_KERNEL_CPU_STATE_H

#include <stddef.h>

#include "boot/percpu.h"
#include "kernel/page_alloc.h"
#include "kernel/run_queue.h"
#include "kernel/thread.h"
#include "kernel/timer.h"

#define PANIC_BACKTRACE 24

typedef struct _kernel_cpu_t {
    cpu_t boot;
    page_cache_t pages;        /* Touched with interrupts off. */

    /* Timers: kernel/timer.c. */
    spinlock_t timer_lock;
    ktimer_t *timers;          /* Earliest first. */
    ktimer_t *firing;          /* Whose function runs now. */
    uint64_t timer_armed_ns;   /* What the hardware timer is set to; 0: nothing. This CPU only. */

    /* Threads: kernel/sched.c. */
    thread_t *current;         /* This CPU only, as are the next two. */
    thread_t *ended;           /* What was left for good, for thread_ended(). */
    thread_t *handed_over;     /* What to go on with when another CPU has left its stack. */
    thread_t idle;             /* Runs sched_run(). */
    spinlock_t queue_lock;
    run_queue_t queue;
    bool is_idle;              /* Under queue_lock: halted, or about to. */
    bool has_slice;            /* Under queue_lock: `slice` is set, or another CPU has asked for it. */
    bool resched;              /* This CPU only: take turns at the end of the interrupt. */
    int32_t running_priority;  /* That of `current`; -1: it is `idle`. */
    ktimer_t slice;
    uint64_t switched_tsc;     /* Since when `current` runs. */

    /* kernel/tlb.c */
    uint64_t tlb_fresh;        /* A bit for each PCID: all that the TLB knows of it is true. */
    uint32_t tlb_request;

    struct _interpreter_t *visited; /* Whose address space an interrupt of this CPU is in, if not the thread's. */

    /* Where it was when another CPU crashed: kernel/panic.c. */
    uint64_t stopped_at[PANIC_BACKTRACE]; /* Code addresses, innermost first; 0: no more. */
    bool stopped;
} kernel_cpu_t;

static inline kernel_cpu_t *kernel_cpu(void) {
    return (kernel_cpu_t *)cpu_current();
}

#endif // MICROPY_INCLUDED_KERNEL_CPU_STATE_H
