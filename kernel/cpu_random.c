/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <stdint.h>
#include <string.h>

#include "boot/cpu.h"
#include "boot/cpu_features.h"
#include "kernel/cpu_random.h"

/* Intel SDM volume 1, 7.3.17.1: ten tries of RDRAND are enough on a healthy CPU. RDSEED may be
 * drained by other CPUs; then RDRAND serves. */
#define TRIES 10

typedef bool (*source_t)(uint64_t *value);

/* A CPU that returns the same value for ever (some did after a suspend), with the carry flag
 * set all the same, is not a source: no value may equal the one before it. */
static bool draw(source_t source, uint64_t *previous) {
    for (unsigned i = 0; i < TRIES; ++i) {
        uint64_t value;
        if (source(&value)) {
            if (value == *previous || value == 0 || value == UINT64_MAX) {
                return false;
            }
            *previous = value;
            return true;
        }
        cpu_relax();
    }
    return false;
}

static bool from_rdseed(uint64_t *value) {
    return rdseed(value);
}

static bool from_rdrand(uint64_t *value) {
    return rdrand(value);
}

bool cpu_random_bytes(void *buf, size_t len) {
    bool has_rdrand = cpu_features.leaf1_ecx & CPUID_1_ECX_RDRAND;
    bool has_rdseed = cpu_features.leaf7_ebx & CPUID_7_EBX_RDSEED;
    uint8_t *out = buf;
    // One value before the first, to compare that with.
    uint64_t seed = 0, random = 0;
    has_rdseed = has_rdseed && draw(from_rdseed, &seed);
    has_rdrand = has_rdrand && draw(from_rdrand, &random);
    while (len) {
        uint64_t value;
        if (has_rdseed && draw(from_rdseed, &seed)) {
            value = seed;
        } else if (has_rdrand && draw(from_rdrand, &random)) {
            value = random;
        } else {
            return false;
        }
        size_t n = len < sizeof(value) ? len : sizeof(value);
        memcpy(out, &value, n);
        out += n;
        len -= n;
    }
    return true;
}
