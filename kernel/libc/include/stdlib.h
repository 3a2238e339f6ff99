/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#ifndef MICROPY_INCLUDED_KERNEL_LIBC_INCLUDE_STDLIB_H
#define MICROPY_INCLUDED_KERNEL_LIBC_INCLUDE_STDLIB_H

#include <stddef.h>

_Noreturn void abort(void);

static inline int abs(int x) {
    return x < 0 ? -x : x;
}

static inline long labs(long x) {
    return x < 0 ? -x : x;
}

/* C11 7.22.1.2, of decimal digits only. */
static inline int atoi(const char *text) {
    unsigned value = 0;
    while (*text >= '0' && *text <= '9') {
        value = value * 10 + (unsigned)(*text++ - '0');
    }
    return (int)value;
}

#endif // MICROPY_INCLUDED_KERNEL_LIBC_INCLUDE_STDLIB_H
