/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "boot/cpu.h"
#include "boot/cpu_features.h"
#include "boot/fpu.h"

/* The header's word that says what was saved: SDM volume 1, 13.4.2. */
#define XSTATE_BV_AT 512
#define XSTATE_X87 0x1
#define XSTATE_SSE 0x2

static bool has_xsave(void) {
    return cpu_features.leaf1_ecx & CPUID_1_ECX_XSAVE;
}

/* Whether XSAVE takes the SSE registers. It must, but emulated SVM (QEMU 7.2) does not tell a hypervisor that its
 * guest has written XCR0, and so that writes the old value back at the next entry. What both instructions save of
 * x87 and SSE lies at the same place: SDM volume 1, 13.4.1. */
static bool xsave_has_sse(void) {
    return has_xsave() && xgetbv(0) & XSTATE_SSE;
}

void fpu_save(void *area) {
    if (xsave_has_sse()) {
        xsave(area);
    } else {
        fxsave(area);
        *(uint64_t *)((uint8_t *)area + XSTATE_BV_AT) = XSTATE_X87 | XSTATE_SSE;
    }
    fpu_reset();
}

void fpu_restore(const void *area) {
    xsave_has_sse() ? xrstor(area) : fxrstor(area);
}
