/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* How an application processor comes from its start-up IPI to C in long mode. It begins in real
 * mode at the start of a page below 1 MiB (Intel SDM volume 3, 9.4.4): there lies a copy of
 * ap_trampoline, no more of it than must. From protected mode on, without paging at first, it runs in
 * the image, whose addresses are physical ones too. */

#include "boot/ap.h"
#include "boot/long_mode.h"

#define SELECTOR_CODE32 0x08
#define SELECTOR_CODE64 0x10

    .section .rodata.ap, "a"
    .code16
    .globl ap_trampoline, ap_trampoline_end
ap_trampoline:
    cli
    movw %cs, %ax
    movw %ax, %ds
    lgdtl ap_gdt_pointer - ap_trampoline
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    ljmpl $SELECTOR_CODE32, $ap_protected
    .balign 4
ap_gdt_pointer:
    .word ap_gdt_end - ap_gdt - 1
    .long ap_gdt
ap_trampoline_end:

    /* Marked as accessed: the CPU would do that, and cannot write here. Intel SDM volume 3, 3.4.5.1. */
    .balign 8
ap_gdt:
    .quad 0
    .quad 0x00cf9b000000ffff /* SELECTOR_CODE32 */
    .quad 0x00af9b000000ffff /* SELECTOR_CODE64 */
ap_gdt_end:

    .section .text.ap, "ax"
    .code32
ap_protected:
    enter_long_mode
    ljmp $SELECTOR_CODE64, $ap_long_mode

    .code64
ap_long_mode:
    xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    movl %eax, %ss
    /* A stack is for one CPU. */
    xorl %ecx, %ecx
1:  pause
    movq ap_stack_top, %rax
    cmpq $AP_CLOSED, %rax
    je 2f
    testq %rax, %rax
    jz 1b
    lock cmpxchgq %rcx, ap_stack_top
    jne 1b
    movq %rax, %rsp
    xorl %ebp, %ebp /* The backtrace ends here. */
    call ap_main
2:  cli
    hlt
    jmp 2b

    .section .note.GNU-stack, "", @progbits
