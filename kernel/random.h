/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#ifndef MICROPY_INCLUDED_KERNEL_RANDOM_H
#define MICROPY_INCLUDED_KERNEL_RANDOM_H

#include <stdbool.h>
#include <stddef.h>

/* Fills `buf` with hardware random bytes. Returns false where the machine has no source
 * that works; the buffer then holds nothing usable. Any thread, any CPU. */
bool random_bytes(void *buf, size_t len);

#endif // MICROPY_INCLUDED_KERNEL_RANDOM_H
