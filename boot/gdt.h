/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#ifndef MICROPY_INCLUDED_BOOT_GDT_H
#define MICROPY_INCLUDED_BOOT_GDT_H

#include "boot/percpu.h"

#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10
#define SELECTOR_TSS 0x18

/* Makes `cpu` this CPU: GS base, descriptor table, task state. IST stacks that are not
 * set yet (cpu->tss.ist) are `fault_stack_top`. Interrupts off, once a CPU. */
void gdt_init(cpu_t *cpu, uint32_t index, void *fault_stack_top);

#endif // MICROPY_INCLUDED_BOOT_GDT_H
