/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#ifndef MICROPY_INCLUDED_KERNEL_CRC32_H
#define MICROPY_INCLUDED_KERNEL_CRC32_H

#include <stddef.h>
#include <stdint.h>

#define CRC32_START UINT32_MAX

/* Goes on with a CRC-32 (polynomial 0x04c11db7, bits reversed: that of Ethernet, GPT and littlefs) by
 * `len` bytes. It begins with CRC32_START; GPT inverts the last value, littlefs does not. Any context. */
uint32_t crc32_continue(uint32_t crc, const void *data, size_t len);

#endif // MICROPY_INCLUDED_KERNEL_CRC32_H
