/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
 *
 * The common start of the tiny guests: a PVH entry in 32-bit protected mode, without a stack.
 * The code that follows the #include is what runs first. Each guest is one file, and one segment.
 */
    .section .note.pvh, "a", @note
    .long 4                         /* Size of the name. */
    .long 4                         /* Size of the entry address. */
    .long 18                        /* XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .long _start

    .section .text
    .code32
    .global _start
_start:
