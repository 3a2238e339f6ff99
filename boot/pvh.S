/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The PVH entry of the boot CPU: from 32-bit protected mode without a stack to C in long
 * mode. Xen's PVH boot ABI (docs/misc/pvh.pandoc): EBX = physical address of
 * hvm_start_info, paging off, interrupts off, flat segments.
 *
 * Makes the first page tables: RAM below 1 GiB, once where it lies (all rights, for the image
 * that runs here; paging_init() replaces this half by the image alone) and once in the direct
 * map. */

#include "boot/layout.h"
#include "boot/long_mode.h"

#define PTE_PRESENT 0x1
#define PTE_WRITABLE 0x2
#define PTE_LARGE 0x80
#define PTE_GLOBAL 0x100
#define PTE_NX_HIGH 0x80000000 /* Bit 63, in the upper half. */


    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 8, 18 /* Name size, descriptor size, XEN_ELFNOTE_PHYS32_ENTRY. */
    .asciz "Xen"
    .quad pvh_start /* 64 bits: QEMU reads as many. */

    .section .text.boot, "ax"
    .code32
    .globl pvh_start
pvh_start:
    cld
    movl %ebx, %ebp

    /* The loader does not clear .bss, and memory keeps its content over QEMU's reset. */
    xorl %eax, %eax
    movl $bss_start, %edi
    movl $bss_end, %ecx
    subl %edi, %ecx
    shrl $2, %ecx
    rep stosl
    movl $boot_pml4, %edi
    movl $(3 * PAGE_SIZE / 4), %ecx
    rep stosl

    movl $(boot_pdpt_low + PTE_PRESENT + PTE_WRITABLE), boot_pml4
    movl $(boot_pdpt_high + PTE_PRESENT + PTE_WRITABLE), boot_pml4 + 256 * 8
    movl $(boot_pd + PTE_PRESENT + PTE_WRITABLE), %eax
    movl %eax, boot_pdpt_low
    movl %eax, boot_pdpt_high
    movl $PTE_NX_HIGH, boot_pdpt_high + 4

    movl $boot_pd, %edi
    movl $(PTE_PRESENT + PTE_WRITABLE + PTE_LARGE + PTE_GLOBAL), %eax
1:  movl %eax, (%edi)
    movl $0, 4(%edi)
    addl $8, %edi
    addl $LARGE_PAGE_SIZE, %eax
    cmpl $IMAGE_LIMIT, %eax
    jb 1b

    enter_long_mode
    lgdt boot_gdt_pointer
    ljmp $0x08, $long_mode

    .code64
long_mode:
    xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    movl %eax, %ss
    movl $(boot_stack + BOOT_STACK_SIZE), %esp
    movl %ebp, %edi
    xorl %ebp, %ebp /* The backtrace ends here. */
    call boot_main
    ud2

    .section .rodata.boot, "a"
    .balign 8
boot_gdt:
    .quad 0
    .quad 0x00af9a000000ffff /* 0x08: 64-bit code. */
boot_gdt_pointer:
    .word . - boot_gdt - 1
    .long boot_gdt

    .section .uncleared, "aw", @nobits
    .balign PAGE_SIZE
    .globl boot_pml4, boot_pdpt_low, boot_pdpt_high, boot_pd
boot_pml4: .skip PAGE_SIZE
boot_pdpt_low: .skip PAGE_SIZE
boot_pdpt_high: .skip PAGE_SIZE
boot_pd: .skip PAGE_SIZE
    .globl boot_stack_guard, boot_stack
boot_stack_guard: .skip PAGE_SIZE
boot_stack: .skip BOOT_STACK_SIZE

    .section .note.GNU-stack, "", @progbits
