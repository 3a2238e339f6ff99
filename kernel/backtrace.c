/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "boot/paging.h"
#include "kernel/backtrace.h"

/* Set by the linker script. */
extern const uint8_t image_start[], rodata_start[];

bool backtrace_next(uint64_t *rbp, uint64_t *caller) {
    // Frame pointer, then return address: System V ABI, AMD64 supplement, 3.2.2.
    const uint64_t *frame = (const uint64_t *)*rbp;
    if (*rbp % sizeof(uint64_t) || !paging_readable(*rbp, 2 * sizeof(uint64_t))) {
        return false;
    }
    if (frame[1] < (uintptr_t)image_start || frame[1] >= (uintptr_t)rodata_start) {
        return false;
    }
    *caller = frame[1];
    *rbp = frame[0] > *rbp ? frame[0] : 0; // Stacks grow down, so callers lie higher.
    return true;
}
