/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "boot/context.h"
#include "boot/cpu.h"
#include "boot/gdt.h"

void context_init(context_t *context, void (*entry)(void *), void *arg, void *stack_top, uint64_t cr3) {
    *context = (context_t) {
        .cr3 = cr3,
        .interrupted = 1,
        .frame = {
            .rip = (uintptr_t)entry,
            .rdi = (uintptr_t)arg,
            .rsp = (uintptr_t)stack_top - sizeof(uint64_t), // As behind a call: System V ABI, 3.2.2.
            .rflags = RFLAGS_IF | RFLAGS_RESERVED,
            .cs = SELECTOR_CODE,
            .ss = SELECTOR_DATA,
        },
    };
}
