/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "lib/littlefs/lfs2_util.h"

#include "kernel/crc32.h"
#include "tests/host/unit.h"

/* The definition, bit by bit. */
static uint32_t by_bits(const uint8_t *data, size_t len) {
    uint32_t crc = CRC32_START;
    for (size_t i = 0; i < len * 8; i++) {
        bool bit = (crc ^ data[i / 8] >> i % 8) & 1;
        crc = crc >> 1 ^ (bit ? 0xedb88320 : 0);
    }
    return crc;
}

TEST(the_check_value_is_that_of_crc_32) {
    CHECK_EQ(~crc32_continue(CRC32_START, "123456789", 9), 0xcbf43926);
    CHECK_EQ(~crc32_continue(CRC32_START, "", 0), 0);
}

TEST(every_byte_is_as_by_bits) {
    for (unsigned i = 0; i < 256; i++) {
        uint8_t bytes[] = { 0x5a, i, ~i };
        CHECK_EQ(crc32_continue(CRC32_START, bytes, sizeof(bytes)), by_bits(bytes, sizeof(bytes)));
    }
}

TEST(the_pieces_give_what_the_whole_gives) {
    const char text[] = "what lies on a disk comes in pieces";
    for (size_t cut = 0; cut <= sizeof(text); cut++) {
        uint32_t crc = crc32_continue(CRC32_START, text, cut);
        CHECK_EQ(crc32_continue(crc, text + cut, sizeof(text) - cut), by_bits((const uint8_t *)text, sizeof(text)));
    }
}

/* The port has littlefs use it in the place of its own. */
TEST(littlefs_has_the_same_sum_at_every_alignment_and_length) {
    uint8_t bytes[8 + 600];
    srandom(1);
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        bytes[i] = random();
    }
    for (size_t start = 0; start < 8; start++) {
        for (size_t len = 0; start + len <= sizeof(bytes); len++) {
            uint32_t crc = random() ^ (uint32_t)random() << 16;
            CHECK_EQ(crc32_continue(crc, bytes + start, len), lfs2_crc(crc, bytes + start, len));
        }
    }
}
