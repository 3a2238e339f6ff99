/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* RDMSR and WRMSR of a register that may not exist: boot/msr.h. The two instructions have names,
 * so that the handler of #GP knows them. */

    .section .text.msr, "ax"

    .globl msr_read, msr_read_instruction
msr_read: /* edi: number, rsi: where to store the value */
    movl %edi, %ecx
msr_read_instruction:
    rdmsr
    shlq $32, %rdx
    orq %rdx, %rax
    movq %rax, (%rsi)
    movl $1, %eax
    ret

    .globl msr_write, msr_write_instruction
msr_write: /* edi: number, rsi: value */
    movl %edi, %ecx
    movq %rsi, %rax
    movq %rsi, %rdx
    shrq $32, %rdx
msr_write_instruction:
    wrmsr
    movl $1, %eax
    ret

    .globl msr_refused
msr_refused:
    xorl %eax, %eax
    ret

    .section .note.GNU-stack, "", @progbits
