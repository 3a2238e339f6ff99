/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What each CPU has for itself. GS points to it, in every address space. */
#ifndef MICROPY_INCLUDED_BOOT_PERCPU_H
#define MICROPY_INCLUDED_BOOT_PERCPU_H

/* Offsets, for boot/context_switch.S too. */
#define CPU_CR3 8
#define CPU_NEXT_CR3 16

#ifndef __ASSEMBLER__

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 64-bit task state segment: Intel SDM volume 3, figure 8-11. */
typedef struct __attribute__((packed)) _tss_t {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7]; /* ist[n - 1] is what an IDT entry calls IST n. */
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t io_map_base;
} tss_t;

#define PERCPU_LOCKS 8

/* The part of a CPU's state that boot/ keeps. Upper layers put theirs behind it. */
typedef struct _cpu_t {
    struct _cpu_t *self; /* At GS:0, so that cpu_current() is one load. */
    uint64_t cr3;        /* What CR3 was loaded with last. */
    uint64_t next_cr3;   /* And what the next context switch loads it with; else the same as `cr3`. */
    uint32_t index;      /* 0 for the boot CPU, then in the order of their start. */
    uint32_t apic_id;
    uint64_t gdt[5]; /* Null, code, data, TSS (two entries). */
    tss_t tss;
    #ifdef KERNEL_DEBUG
    const struct _spinlock_t *locks[PERCPU_LOCKS]; /* Held here, in the order of their taking. */
    uint32_t lock_count;
    bool lock_misused;
    #endif
} cpu_t;

_Static_assert(offsetof(cpu_t, cr3) == CPU_CR3, "boot/context_switch.S");
_Static_assert(offsetof(cpu_t, next_cr3) == CPU_NEXT_CR3, "boot/context_switch.S");

/* This CPU. With interrupts on, a thread may be moved to another one afterwards. */
static inline cpu_t *cpu_current(void) {
    cpu_t *cpu;
    __asm__ volatile ("mov %%gs:0, %0" : "=r" (cpu));
    return cpu;
}

#endif // __ASSEMBLER__

#endif // MICROPY_INCLUDED_BOOT_PERCPU_H
