/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* QEMU 7.2 has no CPU with the instructions, and the nested Cloud Hypervisor runs on that: they are tried here. */

#include "boot/cpu_features.h"
#include "ports/cloud_hypervisor/sha_blocks.h"
#include "tests/host/unit.h"

cpu_features_t cpu_features;

#define ABC "abc\x80"                     // FIPS 180-4, 5.1.1: padded to one block that ends with the 24 bits.
#define BITS_OF_ABC 24

static const uint32_t sha1_start[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };
static const uint32_t sha1_of_abc[5] = { 0xa9993e36, 0x4706816a, 0xba3e2571, 0x7850c26c, 0x9cd0d89d };
static const uint32_t sha256_start[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};
static const uint32_t sha256_of_abc[8] = {
    0xba7816bf, 0x8f01cfea, 0x414140de, 0x5dae2223, 0xb00361a3, 0x96177a9c, 0xb410ff61, 0xf20015ad,
};

static void cpu_has_instructions(bool has) {
    cpu_features.leaf7_ebx = has ? CPUID_7_EBX_SHA : 0;
}

/* This machine's, by CPUID. */
static bool can_try_instructions(void) {
    uint32_t eax = 7, ebx, ecx = 0, edx;
    __asm__ volatile ("cpuid" : "+a" (eax), "=b" (ebx), "+c" (ecx), "=d" (edx));
    return ebx & CPUID_7_EBX_SHA;
}

static void check_known_values(void) {
    uint8_t block[64] = ABC;
    block[63] = BITS_OF_ABC;
    uint32_t sha1[5], sha256[8];
    memcpy(sha1, sha1_start, sizeof(sha1));
    memcpy(sha256, sha256_start, sizeof(sha256));
    sha1_block(sha1, block);
    sha256_block(sha256, block);
    CHECK(memcmp(sha1, sha1_of_abc, sizeof(sha1)) == 0);
    CHECK(memcmp(sha256, sha256_of_abc, sizeof(sha256)) == 0);
}

TEST(a_cpu_without_the_instructions_gives_the_known_values) {
    cpu_has_instructions(false);
    check_known_values();
}

TEST(the_instructions_give_the_known_values_and_agree_with_c) {
    if (!can_try_instructions()) {
        fprintf(stderr, "unit_sha_blocks: this CPU has no SHA instructions, which are not tried\n");
        return;
    }
    cpu_has_instructions(true);
    check_known_values();
    uint8_t bytes[64 + 16];
    uint32_t seed = 1;
    for (unsigned round = 0; round < 1000; round++) {
        uint32_t slow[8], fast[8];
        for (unsigned i = 0; i < sizeof(bytes); i++) {
            bytes[i] = (seed = seed * 1664525 + 1013904223) >> 24;
        }
        memcpy(slow, bytes + 16, sizeof(slow));
        memcpy(fast, slow, sizeof(fast));
        const uint8_t *block = bytes + round % 16; // At any alignment.
        for (unsigned which = 0; which < 2; which++) {
            void (*fn)(uint32_t *state, const uint8_t *block) = which ? sha1_block : sha256_block;
            cpu_has_instructions(false);
            fn(slow, block);
            cpu_has_instructions(true);
            fn(fast, block);
            CHECK(memcmp(slow, fast, sizeof(slow)) == 0);
        }
    }
}
