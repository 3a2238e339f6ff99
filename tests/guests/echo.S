/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
 *
 * A guest that says "ready", then sends back every byte it gets on the serial line, by polling.
 * Three bytes are orders: 'P' powers off, 'R' resets, 'T' ends in a triple fault.
 */
#include "pvh.h"

#define UART_DATA 0x3f8
#define UART_LINE_STATUS 0x3fd
#define DATA_READY 0x01
#define THR_EMPTY 0x20

    mov $stack_top, %esp
    mov $banner, %esi
next_of_banner:
    lodsb
    test %al, %al
    jz receive
    call send
    jmp next_of_banner

receive:
    mov $UART_LINE_STATUS, %edx
    in %dx, %al
    test $DATA_READY, %al
    jz receive
    mov $UART_DATA, %edx
    in %dx, %al
    cmp $'P', %al
    je power_off
    cmp $'R', %al
    je reset
    cmp $'T', %al
    je triple_fault
    call send
    jmp receive

/* Send the byte in AL. */
send:
    mov %al, %bl
    mov $UART_LINE_STATUS, %edx
wait_for_room:
    in %dx, %al
    test $THR_EMPTY, %al
    jz wait_for_room
    mov $UART_DATA, %edx
    mov %bl, %al
    out %al, %dx
    ret

/* Each VMM has its own ports and ignores the other's: Cloud Hypervisor first, then QEMU's q35. */
power_off:
    mov $0x600, %edx
    mov $0x34, %al
    out %al, %dx
    mov $0x604, %edx
    mov $0x2000, %eax
    out %ax, %dx
    hlt

reset:
    mov $0x600, %edx
    mov $0x01, %al
    out %al, %dx
    mov $0xcf9, %edx
    mov $0x06, %al
    out %al, %dx
    hlt

triple_fault:
    lidt no_idt
    ud2

no_idt:
    .word 0
    .long 0
banner:
    .asciz "ready\r\n"

    .bss
    .skip 4096
stack_top:
