/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* From a function to its callers, by frame pointers. Any context; survives a stack that is broken. */
#ifndef MICROPY_INCLUDED_KERNEL_BACKTRACE_H
#define MICROPY_INCLUDED_KERNEL_BACKTRACE_H

#include <stdbool.h>
#include <stdint.h>

/* Takes the frame at `*rbp`. Stores the address in the image to which it returns, and the frame pointer
 * of the caller (0 after the last one). False where there is no frame of the image's code; machine code
 * of the interpreter's own keeps no frame pointer, and the walk ends there. */
bool backtrace_next(uint64_t *rbp, uint64_t *caller);

#endif // MICROPY_INCLUDED_KERNEL_BACKTRACE_H
