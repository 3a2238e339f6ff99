/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#ifndef MICROPY_INCLUDED_KERNEL_CRC32C_H
#define MICROPY_INCLUDED_KERNEL_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32C (Castagnoli; RFC 3720, appendix B.4) of `len` bytes, by the CPU's own instruction where
 * it has SSE4.2. Any context, after cpu_features_read(). */
uint32_t crc32c(const void *data, size_t len);

#endif // MICROPY_INCLUDED_KERNEL_CRC32C_H
