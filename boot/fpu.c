/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "boot/cpu.h"
#include "boot/cpu_features.h"
#include "boot/fpu.h"

#define FXSAVE_SIZE 512
#define CPUID_XSTATE 0xd

static bool has_xsave(void) {
    return cpu_features.leaf1_ecx & CPUID_1_ECX_XSAVE;
}

size_t fpu_area_size(void) {
    // EBX: as much as XCR0 wants now. SDM volume 1, 13.2.
    return has_xsave() ? cpuid(CPUID_XSTATE, 0).ebx : FXSAVE_SIZE;
}

void fpu_save(void *area) {
    has_xsave() ? xsave(area) : fxsave(area);
    fpu_reset();
}

void fpu_restore(const void *area) {
    has_xsave() ? xrstor(area) : fxrstor(area);
}
