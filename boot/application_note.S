/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Where the application was loaded: application_place_t of kernel/application.h. Its type is not
 * 18: QEMU takes that for the Xen note, whatever the name. */

    .section .note.application, "a", @note
    .balign 4
    .long 12, 16, 1 /* Name size, descriptor size, type. */
    .asciz "MicroPython"
    .globl application_note
application_note:
    .quad 0 /* Physical address. */
    .quad 0 /* Size. */

    .section .note.GNU-stack, "", @progbits
