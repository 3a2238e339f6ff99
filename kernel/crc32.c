/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "kernel/crc32.h"

/* What a byte makes of the bits behind it when it is shifted out, and what that becomes when one, two, three bytes more
 * are: the sum of what each of its bits makes, from the lowest one on. */
#define SUM(n, a, b, c, d, e, f, g, h) \
    (((n) & 1 ? a : 0) ^ ((n) & 2 ? b : 0) ^ ((n) & 4 ? c : 0) ^ ((n) & 8 ? d : 0) ^ \
    ((n) & 16 ? e : 0) ^ ((n) & 32 ? f : 0) ^ ((n) & 64 ? g : 0) ^ ((n) & 128 ? h : 0))
#define OUT_0(n) SUM(n, 0x77073096, 0xee0e612c, 0x076dc419, 0x0edb8832, 0x1db71064, 0x3b6e20c8, 0x76dc4190, 0xedb88320)
#define OUT_1(n) SUM(n, 0x191b3141, 0x32366282, 0x646cc504, 0xc8d98a08, 0x4ac21251, 0x958424a2, 0xf0794f05, 0x3b83984b)
#define OUT_2(n) SUM(n, 0x01c26a37, 0x0384d46e, 0x0709a8dc, 0x0e1351b8, 0x1c26a370, 0x384d46e0, 0x709a8dc0, 0xe1351b80)
#define OUT_3(n) SUM(n, 0xb8bc6765, 0xaa09c88b, 0x8f629757, 0xc5b428ef, 0x5019579f, 0xa032af3e, 0x9b14583d, 0xed59b63b)

#define FOUR(out, n) out(n), out((n) + 1), out((n) + 2), out((n) + 3)
#define SIXTEEN(out, n) FOUR(out, n), FOUR(out, (n) + 4), FOUR(out, (n) + 8), FOUR(out, (n) + 12)
#define SIXTY_FOUR(out, n) SIXTEEN(out, n), SIXTEEN(out, (n) + 16), SIXTEEN(out, (n) + 32), SIXTEEN(out, (n) + 48)
#define EVERY_BYTE(out) SIXTY_FOUR(out, 0), SIXTY_FOUR(out, 64), SIXTY_FOUR(out, 128), SIXTY_FOUR(out, 192)

static const uint32_t shifted_out[4][256] = {
    { EVERY_BYTE(OUT_0) }, { EVERY_BYTE(OUT_1) }, { EVERY_BYTE(OUT_2) }, { EVERY_BYTE(OUT_3) },
};

uint32_t crc32_continue(uint32_t crc, const void *data, size_t len) {
    const uint8_t *at = data;
    for (; len >= sizeof(uint32_t); at += sizeof(uint32_t), len -= sizeof(uint32_t)) {
        uint32_t word;
        memcpy(&word, at, sizeof(word));
        crc ^= word;
        crc = shifted_out[3][crc & 0xff] ^ shifted_out[2][crc >> 8 & 0xff]
            ^ shifted_out[1][crc >> 16 & 0xff] ^ shifted_out[0][crc >> 24];
    }
    for (; len; ++at, --len) {
        crc = crc >> 8 ^ shifted_out[0][(crc ^ *at) & 0xff];
    }
    return crc;
}
