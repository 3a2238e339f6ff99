/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What the CPU can do, and turning on what this kernel uses of it. */
#ifndef MICROPY_INCLUDED_BOOT_CPU_FEATURES_H
#define MICROPY_INCLUDED_BOOT_CPU_FEATURES_H

#include <stdint.h>

/* CPUID bits: Intel SDM volume 2, CPUID. */
#define CPUID_1_ECX_PCID (1u << 17)
#define CPUID_1_ECX_SSE4_2 (1u << 20)
#define CPUID_1_ECX_X2APIC (1u << 21)
#define CPUID_1_ECX_TSC_DEADLINE (1u << 24)
#define CPUID_1_ECX_XSAVE (1u << 26)
#define CPUID_1_ECX_AVX (1u << 28)
#define CPUID_1_ECX_RDRAND (1u << 30)
#define CPUID_1_ECX_HYPERVISOR (1u << 31)
#define CPUID_1_EDX_MCE (1u << 7)
#define CPUID_7_EBX_SMEP (1u << 7)
#define CPUID_7_EBX_RDSEED (1u << 18)
#define CPUID_7_EBX_SMAP (1u << 20)
#define CPUID_7_EBX_SHA (1u << 29)
#define CPUID_7_ECX_UMIP (1u << 2)

/* Read once, on the boot CPU: each CPUID instruction is an exit to the host. */
typedef struct _cpu_features_t {
    uint32_t leaf1_ecx;
    uint32_t leaf1_edx;
    uint32_t leaf7_ebx; /* 0 where the CPU has no leaf 7, so is leaf7_ecx. */
    uint32_t leaf7_ecx;
} cpu_features_t;

extern cpu_features_t cpu_features;

/* Fills cpu_features. Boot CPU, once. */
void cpu_features_read(void);

/* Turns on global pages, PCIDs, machine checks, SMEP, SMAP and UMIP, and for the code of interpreters x87,
 * SSE and AVX: the kernel itself uses no vector register. What the CPU does not have stays off. Once
 * a CPU, when its page tables are final. */
void cpu_features_enable(void);

#endif // MICROPY_INCLUDED_BOOT_CPU_FEATURES_H
