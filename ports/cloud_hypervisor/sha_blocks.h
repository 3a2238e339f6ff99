/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* SHA-1's and SHA-256's work on a block of 64 bytes (FIPS 180-4, 6.1.2 and 6.2.2), by the CPU's instructions for it (Intel SDM
 * volume 1, 5.17) where it has them: Mbed TLS has them for Arm only. */
#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_SHA_BLOCKS_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_SHA_BLOCKS_H

#include <stdint.h>

/* Any thread that has vector registers. */
void sha1_block(uint32_t state[5], const uint8_t block[64]);
void sha256_block(uint32_t state[8], const uint8_t block[64]);

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_SHA_BLOCKS_H
