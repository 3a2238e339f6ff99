/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "kernel/crc32.h"

/* What each value of the lowest four bits makes of the others when it is shifted out. */
static const uint32_t shifted_out[16] = {
    0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
    0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
};

uint32_t crc32_continue(uint32_t crc, const void *data, size_t len) {
    for (const uint8_t *at = data; len; ++at, --len) {
        crc ^= *at;
        crc = crc >> 4 ^ shifted_out[crc & 0xf];
        crc = crc >> 4 ^ shifted_out[crc & 0xf];
    }
    return crc;
}
