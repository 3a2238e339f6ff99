/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
 *
 * A guest that sends a line and ends in a triple fault, for ever where the VMM boots it again.
 */
#include "pvh.h"

    mov $0x3f8, %edx
    mov $line, %esi
    mov $line_end - line, %ecx
    cld
    rep outsb
    lidt no_idt
    ud2

line:
    .ascii "again\r\n"
line_end:
no_idt:
    .word 0
    .long 0
