/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "boot/cpu.h"
#include "boot/gdt.h"

/* Segment descriptors: Intel SDM volume 3, 3.4.5 and 8.2.3. In long mode only type, DPL, P
 * and L count; base and limit are those of a flat segment. */
#define DESCRIPTOR_CODE 0x00af9b000000ffff
#define DESCRIPTOR_DATA 0x00cf93000000ffff
#define DESCRIPTOR_TSS_AVAILABLE (0x89ull << 40)

void gdt_init(cpu_t *cpu, uint32_t index, void *fault_stack_top) {
    uint64_t tss = (uintptr_t)&cpu->tss;

    cpu->self = cpu;
    cpu->index = index;
    for (int i = 0; i < 7; ++i) {
        cpu->tss.ist[i] = cpu->tss.ist[i] ? cpu->tss.ist[i] : (uintptr_t)fault_stack_top;
    }
    cpu->tss.io_map_base = sizeof(tss_t); // Beyond the limit: no I/O bitmap.

    cpu->gdt[1] = DESCRIPTOR_CODE;
    cpu->gdt[2] = DESCRIPTOR_DATA;
    cpu->gdt[3] = DESCRIPTOR_TSS_AVAILABLE | (sizeof(tss_t) - 1)
        | (tss & 0xffffff) << 16 | (tss >> 24 & 0xff) << 56;
    cpu->gdt[4] = tss >> 32;
    load_gdt(cpu->gdt, sizeof(cpu->gdt), SELECTOR_CODE, SELECTOR_DATA, SELECTOR_TSS);
    wrmsr(MSR_GS_BASE, (uintptr_t)cpu);
}
