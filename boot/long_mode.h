/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* For assembly: from 32-bit protected mode without paging into long mode, with the tables of boot/pvh.S. Intel
 * SDM volume 3, 10.8.5. A far jump to a 64-bit code segment follows. Uses EAX, ECX and EDX. */

#define CR0_VALUE 0x80010033 /* PG, WP, NE, ET, MP, PE */
#define CR4_VALUE 0x620 /* OSXMMEXCPT, OSFXSR, PAE */
#define MSR_EFER 0xc0000080
#define EFER_LME_NXE 0x900

    .macro enter_long_mode
    movl $CR4_VALUE, %eax
    movl %eax, %cr4
    movl $boot_pml4, %eax
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    xorl %edx, %edx
    movl $EFER_LME_NXE, %eax
    wrmsr
    movl $CR0_VALUE, %eax
    movl %eax, %cr0
    .endm
