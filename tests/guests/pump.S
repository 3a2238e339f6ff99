/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
 *
 * A guest that moves bytes over the serial line as fast as the VMM lets it: what the console of the
 * firmware is compared with. It says "ready", then takes orders of one byte:
 *   'O'  sends 32 KiB out: "abcdefghijklmnop", again and again;
 *   'I'  takes bytes in up to one that is 0x04, and answers with that, after all that was ordered.
 * It takes bytes in interrupts and halts between them: a guest that polls slows its VMM down.
 */
#include "pvh.h"

#define UART_DATA 0x3f8
#define UART_INTERRUPT_ENABLE 0x3f9
#define UART_FIFO_CONTROL 0x3fa
#define UART_MODEM_CONTROL 0x3fc
#define UART_LINE_STATUS 0x3fd
#define RECEIVED_DATA 0x01
#define FIFO_ENABLE_TRIGGER_14 0xc1
#define DTR_RTS_OUT2 0x0b
#define DATA_READY 0x01
#define THR_EMPTY 0x20
#define FIFO_SIZE 16

#define PIC1_MASK 0x21           /* QEMU's firmware leaves the PC's own timer running. */
#define PIC2_MASK 0xa1
#define MASK_ALL 0xff

#define LAPIC_EOI 0xfee000b0
#define LAPIC_SPURIOUS 0xfee000f0
#define LAPIC_ENABLE 0x1ff
#define IOAPIC_INDEX 0xfec00000
#define IOAPIC_DATA 0xfec00010
#define IOAPIC_UART 0x18        /* Pin 4: the low half of its entry, the high half follows. */

#define VECTOR 0x20
#define CODE 0x08
#define DATA 0x10
#define END 0x04
#define BLOCK 32768

    .macro out8 port, value
    mov $\port, %edx
    mov $\value, %al
    out %al, %dx
    .endm

    .macro ioapic index, value
    movl $\index, IOAPIC_INDEX
    movl $\value, IOAPIC_DATA
    .endm

    mov $stack_top, %esp
    lgdt gdt_pointer
    ljmp $CODE, $1f
1:  mov $DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss

    /* A 32-bit interrupt gate. */
    mov $on_interrupt, %eax
    mov %ax, gate
    movw $CODE, gate + 2
    movw $0x8e00, gate + 4
    shr $16, %eax
    mov %ax, gate + 6
    lidt idt_pointer

    out8 PIC1_MASK, MASK_ALL
    out8 PIC2_MASK, MASK_ALL
    movl $LAPIC_ENABLE, LAPIC_SPURIOUS
    ioapic IOAPIC_UART + 1, 0
    ioapic IOAPIC_UART, VECTOR
    out8 UART_FIFO_CONTROL, FIFO_ENABLE_TRIGGER_14
    out8 UART_MODEM_CONTROL, DTR_RTS_OUT2
    out8 UART_INTERRUPT_ENABLE, RECEIVED_DATA

    mov $banner, %esi
    mov $(banner_end - banner), %ecx
    mov $UART_DATA, %edx
2:  lodsb
    out %al, %dx
    loop 2b

/* What interrupts have ordered: blocks first, then the answer. */
next_order:
    cli
    cmpl $0, blocks
    jne send
    cmpl $0, answers
    jne answer
    sti                         /* Takes effect after the next instruction. */
    hlt
    jmp next_order

answer:
    sti
    lock decl answers
    mov $END, %bl
    call wait_for_room
    mov %bl, %al
    out %al, %dx
    jmp next_order

send:
    sti
    lock decl blocks
    mov $(BLOCK / FIFO_SIZE), %ebx
next_burst:
    call wait_for_room
    mov $'a', %al
    .rept FIFO_SIZE
    out %al, %dx
    inc %al
    .endr
    dec %ebx
    jnz next_burst
    jmp next_order

/* An empty transmitter takes a whole FIFO (PC16550D, 8.6.4). Leaves UART_DATA in EDX. */
wait_for_room:
    mov $UART_LINE_STATUS, %edx
1:  in %dx, %al
    test $THR_EMPTY, %al
    jz 1b
    mov $UART_DATA, %edx
    ret

on_interrupt:
    pusha
next_byte:
    mov $UART_LINE_STATUS, %edx
    in %dx, %al
    test $DATA_READY, %al
    jz end_of_interrupt
    mov $UART_DATA, %edx
    in %dx, %al
    cmpl $0, taking
    jne take
    cmp $'O', %al
    je order_block
    cmp $'I', %al
    jne next_byte
    movl $1, taking
    jmp next_byte
take:
    cmp $END, %al
    jne next_byte
    movl $0, taking
    lock incl answers
    jmp next_byte
order_block:
    lock incl blocks
    jmp next_byte
end_of_interrupt:
    movl $0, LAPIC_EOI
    popa
    iret

    .balign 8
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff    /* Flat code, 32 bits. */
    .quad 0x00cf93000000ffff    /* Flat data. */
gdt_pointer:
    .word . - gdt - 1
    .long gdt
idt_pointer:
    .word (VECTOR + 1) * 8 - 1
    .long idt
banner:
    .ascii "ready\r\n"
banner_end:

    .bss
    .balign 8
idt:
    .skip VECTOR * 8
gate:
    .skip 8
blocks:
    .skip 4
answers:
    .skip 4
taking:
    .skip 4
    .balign 16
    .skip 4096
stack_top:
