/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

    .section .text.thread_enter, "ax"

/* _Noreturn void thread_enter(void *stack_top, void (*fn)(void)):
 * runs fn on another stack, for good. */
    .globl thread_enter
thread_enter:
    movq %rdi, %rsp
    xorl %ebp, %ebp /* The backtrace ends here. */
    call *%rsi
    ud2

    .section .note.GNU-stack, "", @progbits
