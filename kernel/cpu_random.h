/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What the CPU has of random values. Secrets are made of more than that: kernel/random.h. */
#ifndef MICROPY_INCLUDED_KERNEL_CPU_RANDOM_H
#define MICROPY_INCLUDED_KERNEL_CPU_RANDOM_H

#include <stdbool.h>
#include <stddef.h>

/* Fills `buf` with values of RDSEED, else RDRAND. Returns false where the CPU has none
 * that works; the buffer then holds nothing usable. Any thread, any CPU. */
bool cpu_random_bytes(void *buf, size_t len);

#endif // MICROPY_INCLUDED_KERNEL_CPU_RANDOM_H
