/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#ifndef MICROPY_INCLUDED_KERNEL_LIBC_INCLUDE_STDIO_H
#define MICROPY_INCLUDED_KERNEL_LIBC_INCLUDE_STDIO_H

/* What MicroPython's own shared/libc/printf.c implements; the kernel has no printf. */
#include <stdarg.h>
#include <stddef.h>

#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2

int printf(const char *restrict format, ...) __attribute__((format(printf, 1, 2)));
int vprintf(const char *restrict format, va_list args);
int snprintf(char *restrict dest, size_t size, const char *restrict format, ...) __attribute__((format(printf, 3, 4)));
int vsnprintf(char *restrict dest, size_t size, const char *restrict format, va_list args);
int putchar(int c);
int puts(const char *s);

#endif // MICROPY_INCLUDED_KERNEL_LIBC_INCLUDE_STDIO_H
