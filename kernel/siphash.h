/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* SipHash-2-4 (Aumasson and Bernstein, 2012): a number that nobody can foresee who does not know the key. */
#ifndef MICROPY_INCLUDED_KERNEL_SIPHASH_H
#define MICROPY_INCLUDED_KERNEL_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/* Of `count` words, at most 31. Any context. */
uint64_t siphash(const uint64_t key[2], const uint64_t *words, size_t count);

#endif // MICROPY_INCLUDED_KERNEL_SIPHASH_H
