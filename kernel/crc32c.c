/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "boot/cpu.h"
#include "boot/cpu_features.h"
#include "kernel/crc32c.h"

#define POLYNOMIAL 0x82f63b78 // Bits reversed.

static uint32_t add_byte(uint32_t crc, uint8_t byte) {
    crc ^= byte;
    for (unsigned bit = 0; bit < 8; ++bit) {
        crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
    }
    return crc;
}

uint32_t crc32c(const void *data, size_t len) {
    const uint8_t *at = data;
    uint32_t crc = UINT32_MAX;
    if (cpu_features.leaf1_ecx & CPUID_1_ECX_SSE4_2) {
        for (; len >= sizeof(uint64_t); len -= sizeof(uint64_t), at += sizeof(uint64_t)) {
            uint64_t word;
            memcpy(&word, at, sizeof(word));
            crc = crc32_add(crc, word);
        }
    }
    while (len--) {
        crc = add_byte(crc, *at++);
    }
    return ~crc;
}
