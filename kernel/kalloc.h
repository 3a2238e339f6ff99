/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Small pieces of kernel memory: several of one size share a page, which goes back when the last of them does.
 * Any thread, interrupts on or off. */
#ifndef MICROPY_INCLUDED_KERNEL_KALLOC_H
#define MICROPY_INCLUDED_KERNEL_KALLOC_H

#include <stddef.h>

#define KALLOC_SIZE_MAX (64 * 1024)

/* `size` bytes, at most KALLOC_SIZE_MAX, their content anything, at a multiple of 16. NULL where memory is
 * missing. Above half a page whole pages are taken, a power of two of them. */
void *kalloc(size_t size);

/* Gives back what kalloc(size) gave. */
void kfree(void *memory, size_t size);

#endif // MICROPY_INCLUDED_KERNEL_KALLOC_H
