/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "boot/cpu_features.h"
#include "kernel/crc32c.h"
#include "tests/host/unit.h"

cpu_features_t cpu_features;

static void cpu_has_instruction(bool has) {
    cpu_features.leaf1_ecx = has ? CPUID_1_ECX_SSE4_2 : 0;
}

/* RFC 3720, B.4: 32 bytes, counted up. */
static const uint32_t of_counted_bytes = 0x46dd794e;

static void check_known_values(void) {
    uint8_t bytes[32] = { 0 };
    CHECK_EQ(crc32c(bytes, sizeof(bytes)), 0x8a9136aa);
    memset(bytes, 0xff, sizeof(bytes));
    CHECK_EQ(crc32c(bytes, sizeof(bytes)), 0x62a8ab43);
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        bytes[i] = i;
    }
    CHECK_EQ(crc32c(bytes, sizeof(bytes)), of_counted_bytes);
    CHECK_EQ(crc32c("123456789", 9), 0xe3069283);
    CHECK_EQ(crc32c("", 0), 0);
}

TEST(a_cpu_without_the_instruction_gives_the_known_values) {
    cpu_has_instruction(false);
    check_known_values();
}

TEST(the_instruction_gives_the_known_values) {
    CHECK(__builtin_cpu_supports("sse4.2"));
    cpu_has_instruction(true);
    check_known_values();
}

TEST(both_ways_agree_at_every_length_and_alignment) {
    uint8_t bytes[64];
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        bytes[i] = i * 37 + 11;
    }
    for (unsigned start = 0; start < 8; start++) {
        for (unsigned len = 0; start + len <= sizeof(bytes); len++) {
            cpu_has_instruction(false);
            uint32_t slow = crc32c(bytes + start, len);
            cpu_has_instruction(true);
            CHECK_EQ(crc32c(bytes + start, len), slow);
        }
    }
}
