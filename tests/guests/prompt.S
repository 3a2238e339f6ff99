/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
 *
 * A guest that prints a prompt and halts, in a number of instructions that anybody can count: the
 * benchmarks must count the same.
 */
#include "pvh.h"

    mov $prompt, %esi           /* 1 */
    mov $0x3f8, %edx            /* 2 */
    mov $4, %ecx                /* 3 */
1:  lodsb                       /* 4, 7, 10, 13 */
    out %al, %dx                /* 5, 8, 11, 14 */
    loop 1b                     /* 6, 9, 12, 15 */
    hlt                         /* 16 */
    jmp .-1

prompt:
    .ascii ">>> "
