/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

    .section .text.halt, "ax"

/* void interrupts_enable_and_halt(void)
 *
 * STI takes effect after the next instruction (Intel SDM volume 2, STI), so no interrupt comes
 * between the two and is slept through. Where a VMM enters the guest just there, emulated SVM
 * (QEMU 7.2) forgets that: an interrupt that finds the CPU before the HLT steps over it
 * (interrupt_dispatch() in boot/idt.c). */
    .globl interrupts_enable_and_halt, halt_instruction, halt_end
interrupts_enable_and_halt:
    pushq %rbp /* For the backtrace. */
    movq %rsp, %rbp
    sti
halt_instruction:
    hlt
halt_end:
    popq %rbp
    ret

    .section .note.GNU-stack, "", @progbits
