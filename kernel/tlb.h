/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What the other CPUs remember of page tables that one has changed: TLB shootdown, Intel SDM volume 3,
 * 4.10.5. */
#ifndef MICROPY_INCLUDED_KERNEL_TLB_H
#define MICROPY_INCLUDED_KERNEL_TLB_H

#include <stdint.h>

struct _kernel_cpu_t;

/* Has this CPU, and those that use the page tables at `root` too, forget what they know of them, and waits
 * for that. An idle CPU is not woken: it forgets before it runs a thread. Any context with no spin lock held;
 * before the pages that were taken out are used for something else. */
void tlb_flush(const uint64_t *root);

/* For the scheduler: this CPU goes on with a thread, of any address space. Interrupts off. */
void tlb_leave_idle(struct _kernel_cpu_t *cpu);

/* Boot CPU, once. */
void tlb_init(void);

#endif // MICROPY_INCLUDED_KERNEL_TLB_H
