/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#ifndef MICROPY_INCLUDED_KERNEL_LIBC_INCLUDE_STRING_H
#define MICROPY_INCLUDED_KERNEL_LIBC_INCLUDE_STRING_H

#include <stddef.h>

/* C11 7.24. None of these allocates, blocks or uses a vector register: any context. */
void *memcpy(void *restrict dest, const void *restrict src, size_t n);
void *memmove(void *dest, const void *src, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);

/* For c = 0 and four pages or more it leaves demand-zero pages that were never touched
 * as they are: see interpreter_zero(). */
void *memset(void *dest, int c, size_t n);

size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strcpy(char *restrict dest, const char *restrict src);
char *strncpy(char *restrict dest, const char *restrict src, size_t n);
char *strcat(char *restrict dest, const char *restrict src);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *haystack, const char *needle);
size_t strspn(const char *s, const char *accept);
size_t strcspn(const char *s, const char *reject);

#endif // MICROPY_INCLUDED_KERNEL_LIBC_INCLUDE_STRING_H
