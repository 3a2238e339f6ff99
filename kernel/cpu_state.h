/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The kernel's part of a CPU's state, behind the part of boot/. */
#ifndef MICROPY_INCLUDED_KERNEL_CPU_STATE_H
#define MICROPY_INCLUDED_KERNEL_CPU_STATE_H

#include "boot/percpu.h"
#include "kernel/page_alloc.h"
#include "kernel/timer.h"

typedef struct _kernel_cpu_t {
    cpu_t boot;
    page_cache_t pages;        /* Touched with interrupts off. */
    ktimer_t *timers;          /* Earliest first; touched with interrupts off. */
    uint64_t timer_armed_ns;   /* What the hardware timer is set to; 0: nothing. */
} kernel_cpu_t;

static inline kernel_cpu_t *kernel_cpu(void) {
    return (kernel_cpu_t *)cpu_current();
}

#endif // MICROPY_INCLUDED_KERNEL_CPU_STATE_H
