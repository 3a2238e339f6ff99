/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "kernel/siphash.h"
#include "tests/host/unit.h"

/* The key of the authors' own vectors: bytes 0, 1, 2 ... 15. The messages go on in the same way. */
static const uint64_t key[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };

TEST(the_authors_vectors_come_out) {
    CHECK_EQ(siphash(key, NULL, 0), 0x726fdb47dd0e0e31);
    CHECK_EQ(siphash(key, key, 1), 0x93f5f5799a932462);
    CHECK_EQ(siphash(key, key, 2), 0x3f2acc7f57c29bdb);
}
