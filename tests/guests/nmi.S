/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
 *
 * A guest that says "ready" and halts, and says "nmi" when a non-maskable interrupt wakes it.
 */
#include "pvh.h"

#define UART_DATA 0x3f8
#define UART_LINE_STATUS 0x3fd
#define THR_EMPTY 0x20
#define NMI_VECTOR 2
#define CODE_SELECTOR 0x08
#define PRESENT_INTERRUPT_GATE_32 0x8e

    mov $stack_top, %esp
    lgdt gdt_pointer
    ljmp $CODE_SELECTOR, $flat
flat:
    mov $on_nmi, %eax
    mov %ax, idt + 8 * NMI_VECTOR
    movw $CODE_SELECTOR, idt + 8 * NMI_VECTOR + 2
    movb $PRESENT_INTERRUPT_GATE_32, idt + 8 * NMI_VECTOR + 5
    shr $16, %eax
    mov %ax, idt + 8 * NMI_VECTOR + 6
    lidt idt_pointer
    mov $ready, %esi
    call say
sleep:
    hlt
    jmp sleep

on_nmi:
    mov $nmi, %esi
    call say
    iret

/* Send the string at ESI. */
say:
    mov $UART_LINE_STATUS, %edx
    in %dx, %al
    test $THR_EMPTY, %al
    jz say
    lodsb
    test %al, %al
    jz said
    mov $UART_DATA, %edx
    out %al, %dx
    jmp say
said:
    ret

/* Our own descriptors: on return from an interrupt the CPU reads the code segment's again. */
    .balign 8
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff
gdt_pointer:
    .word gdt_pointer - gdt - 1
    .long gdt
idt_pointer:
    .word 8 * (NMI_VECTOR + 1) - 1
    .long idt
ready:
    .asciz "ready\r\n"
nmi:
    .asciz "nmi\r\n"

    .bss
    .balign 8
idt:
    .skip 8 * (NMI_VECTOR + 1)
    .skip 4096
stack_top:
