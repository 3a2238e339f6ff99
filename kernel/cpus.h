/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The machine's CPUs. The others sleep, as the VMM has left them, until there is something for them to do. */
#ifndef MICROPY_INCLUDED_KERNEL_CPUS_H
#define MICROPY_INCLUDED_KERNEL_CPUS_H

#include "kernel/cpu_state.h"

#define CPU_STACK_SIZE 0x4000 /* For what a CPU does when it runs no thread. */
#define INTERRUPT_STACK_SIZE (2 * PAGE_SIZE)

/* Gives a CPU its interrupt stacks. False where memory is missing. */
bool cpus_alloc_interrupt_stacks(kernel_cpu_t *cpu);

/* Notes the boot CPU. Once, with its cpu_t made. */
void cpus_init(kernel_cpu_t *boot_cpu);

/* Starts all CPUs that the MADT has enabled. Those that do not come up within a few seconds are reported on the
 * console, a line each, and left out. Does nothing the second time. Thread context. */
void cpus_start(void);

/* Has `fn` called when the others have come up. Once, before cpus_start(). */
void cpus_on_start(void (*fn)(void));

/* How many there are for threads: until cpus_start() what the MADT has enabled, then those that run. Any context. */
unsigned cpus_usable(void);

/* How many run; CPUs have the indices below that. Any context. */
unsigned cpus_count(void);

/* The CPU of that index. Any context. */
kernel_cpu_t *cpus_get(unsigned index);

#endif // MICROPY_INCLUDED_KERNEL_CPUS_H
