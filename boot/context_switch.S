/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* From one thread to another: boot/context.h. A stack may lie in an address space of its own, so
 * between the change of CR3 and that of RSP no stack is used. Interrupts are off, and those that come
 * all the same have stacks of their own. */

#include "boot/context.h"
#include "boot/percpu.h"

    .section .text.context, "ax"
    .globl context_switch, context_load

/* To the address space that is to be next, and the stack of the context that RSI points to. */
    .macro take_stack
    movq %gs:CPU_NEXT_CR3, %rax
    movq CONTEXT_RSP(%rsi), %rsp
    cmpq %rax, %gs:CPU_CR3
    je 1f
    movq %rax, %cr3
    movq %rax, %gs:CPU_CR3
1:
    .endm

/* void context_switch(context_t *from, context_t *to) */
context_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, CONTEXT_RSP(%rdi)
    movl $0, CONTEXT_INTERRUPTED(%rdi)
    take_stack
    movl $0, CONTEXT_BUSY(%rdi) /* From here on another CPU may take the thread. */
    jmp go_on

/* void context_load(context_t *to) */
context_load:
    movq %rdi, %rsi
    take_stack

go_on:
    cmpl $0, CONTEXT_INTERRUPTED(%rsi)
    jne interrupted
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret

/* IRETQ takes the frame from where it lies: no stack has room for it. */
interrupted:
    leaq CONTEXT_FRAME(%rsi), %rsp
    jmp interrupt_return

    .section .note.GNU-stack, "", @progbits
