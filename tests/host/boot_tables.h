/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What boot/paging.c finds: the tables of boot/pvh.S, and what the linker script says of the image, a page for
 * each of its parts. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_BOOT_TABLES_H
#define MICROPY_INCLUDED_TESTS_HOST_BOOT_TABLES_H

#include "boot/paging.h"

__asm__ (
    ".section .image, \"a\"\n"
    ".balign 4096\n"
    ".globl image_start, rodata_start, data_start, boot_stack_guard, boot_stack, image_end\n"
    "image_start: .zero 4096\n"
    "rodata_start: .zero 4096\n"
    "data_start: .zero 4096\n"
    "boot_stack_guard: .zero 4096\n"
    "boot_stack: .zero 4096\n"
    "image_end: .byte 0\n"
    ".previous\n");

_Alignas(PAGE_SIZE) uint64_t boot_pml4[512], boot_pdpt_low[512], boot_pd[512];

#endif // MICROPY_INCLUDED_TESTS_HOST_BOOT_TABLES_H
