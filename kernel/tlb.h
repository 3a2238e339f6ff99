/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What the CPUs remember of page tables that one has changed: TLB shootdown, Intel SDM volume 3,
 * 4.10.5. */
#ifndef MICROPY_INCLUDED_KERNEL_TLB_H
#define MICROPY_INCLUDED_KERNEL_TLB_H

#include <stdbool.h>
#include <stdint.h>

struct _kernel_cpu_t;

/* Address spaces with one of the PCIDs 1 to TLB_PCIDS - 1 in their CR3 are remembered while others run. 0, and
 * all without CR4.PCIDE, are forgotten at each change; several spaces may share it. */
#define TLB_PCIDS 64

/* Has all CPUs forget what they know of the address space `cr3`, and waits for that. Any context with no
 * spin lock held; before the pages that were taken out, tables too, are used for something else. */
void tlb_flush(uint64_t cr3);

/* The same for an address space that no thread uses any more: afterwards no CPU has it loaded. Before its root
 * and its PCID are used for something else. Thread context, of another address space. */
void tlb_retire(uint64_t cr3);

/* The same for what all address spaces share, but for global pages. */
void tlb_flush_all(void);

/* This CPU goes to the address space `cr3` for a moment, and back. Interrupts off, on a stack of the kernel's. */
void tlb_visit(uint64_t cr3);
void tlb_end_visit(void);

/* This CPU goes there and stays, until its next context switch. Interrupts off. */
void tlb_enter(uint64_t cr3);

/* For the scheduler: the next context switch of this CPU goes to the address space `cr3`; 0: it may stay where
 * it is. Interrupts off until that switch. */
void tlb_before_switch(struct _kernel_cpu_t *cpu, uint64_t cr3);

/* Before other CPUs are started. False where memory is missing. Thread context. */
bool tlb_start(void);

/* This CPU, which runs no thread, leaves the address space that it is in. Each other CPU at its start;
 * interrupts off. */
void tlb_leave_space(struct _kernel_cpu_t *cpu);

/* Boot CPU, once. */
void tlb_init(void);

#endif // MICROPY_INCLUDED_KERNEL_TLB_H
