/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <stddef.h>

#include "boot/idt.h"
#include "boot/msr.h"
#include "kernel/interpreter_death.h"
#include "kernel/msr.h"

static void on_general_protection(interrupt_frame_t *frame) {
    if (frame->rip != (uintptr_t)msr_read_instruction && frame->rip != (uintptr_t)msr_write_instruction) {
        interpreter_fault(frame, NULL);
        return;
    }
    frame->rip = (uintptr_t)msr_refused;
}

/* Only now: until somebody asks, every #GP is a crash, and the boot does not pay for this. */
static void expect_refusal(void) {
    interrupt_set_handler(VECTOR_GENERAL_PROTECTION, on_general_protection);
}

bool msr_try_read(uint32_t msr, uint64_t *value) {
    expect_refusal();
    return msr_read(msr, value);
}

bool msr_try_write(uint32_t msr, uint64_t value) {
    expect_refusal();
    return msr_write(msr, value);
}
