/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "boot/cpu.h"
#include "boot/cpu_features.h"

#define XCR0_X87_SSE 0x3
#define XCR0_AVX 0x4

cpu_features_t cpu_features;

void cpu_features_read(void) {
    struct cpuid leaf1 = cpuid(1, 0);
    cpu_features.leaf1_ecx = leaf1.ecx;
    cpu_features.leaf1_edx = leaf1.edx;
    if (cpuid(0, 0).eax >= 7) {
        struct cpuid leaf7 = cpuid(7, 0);
        cpu_features.leaf7_ebx = leaf7.ebx;
        cpu_features.leaf7_ecx = leaf7.ecx;
    }
}

/* Intel SDM volume 3, 2.5 and 9.6; XCR0: volume 1, 13.3. CR0 is as boot/pvh.S made it. */
void cpu_features_enable(void) {
    uint64_t cr4 = CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT;
    cr4 |= cpu_features.leaf1_edx & CPUID_1_EDX_MCE ? CR4_MCE : 0;
    cr4 |= cpu_features.leaf7_ebx & CPUID_7_EBX_SMEP ? CR4_SMEP : 0;
    cr4 |= cpu_features.leaf7_ebx & CPUID_7_EBX_SMAP ? CR4_SMAP : 0;
    cr4 |= cpu_features.leaf7_ecx & CPUID_7_ECX_UMIP ? CR4_UMIP : 0;
    cr4 |= cpu_features.leaf1_ecx & CPUID_1_ECX_XSAVE ? CR4_OSXSAVE : 0;
    cr4 |= cpu_features.leaf1_ecx & CPUID_1_ECX_PCID ? CR4_PCIDE : 0; // In long mode, with PCID 0: SDM volume 3, 4.10.1.
    write_cr4(cr4);
    if (cr4 & CR4_OSXSAVE) {
        xsetbv(0, XCR0_X87_SSE | (cpu_features.leaf1_ecx & CPUID_1_ECX_AVX ? XCR0_AVX : 0));
    }
    fpu_reset();
}
