/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "boot/cpu.h"
#include "boot/fpu.h"

#define CPUID_1_ECX_XSAVE (1u << 26)
#define CPUID_1_ECX_AVX (1u << 28)

#define XCR0_X87_SSE 0x3
#define XCR0_AVX 0x4

/* Intel SDM volume 3, 9.6 and 13.2; XCR0: volume 1, 13.3. */
void fpu_init_cpu(void) {
    struct cpuid features = cpuid(1, 0);
    write_cr0((read_cr0() & ~(uint64_t)(CR0_EM | CR0_TS)) | CR0_MP | CR0_NE);
    uint64_t cr4 = read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT;
    if (features.ecx & CPUID_1_ECX_XSAVE) {
        write_cr4(cr4 | CR4_OSXSAVE);
        xsetbv(0, XCR0_X87_SSE | (features.ecx & CPUID_1_ECX_AVX ? XCR0_AVX : 0));
    } else {
        write_cr4(cr4);
    }
    fpu_reset();
}
