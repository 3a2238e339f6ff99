/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "boot/cpu.h"
#include "boot/cpu_features.h"
#include "kernel/cpu_random.h"

#include "tests/host/unit.h"

cpu_features_t cpu_features;

/* A source gives each of `values` in turn, 0 standing for "none ready" (carry flag clear), and
 * from the last one on always that. */
typedef struct _source_t {
    const uint64_t *values;
    size_t count;
    size_t asked;
} source_t;

static source_t seeds, randoms;

static bool next(source_t *source, uint64_t *value) {
    size_t last = source->count - 1;
    *value = source->values[source->asked < last ? source->asked : last];
    ++source->asked;
    return *value != 0;
}

bool rdseed(uint64_t *value) {
    return next(&seeds, value);
}

bool rdrand(uint64_t *value) {
    return next(&randoms, value);
}

#define GIVES(source, ...) \
    do { \
        static const uint64_t values[] = { __VA_ARGS__ }; \
        (source) = (source_t) { values, sizeof(values) / sizeof(values[0]), 0 }; \
    } while (0)

static void cpu_has(bool rdseed, bool rdrand) {
    cpu_features.leaf7_ebx = rdseed ? CPUID_7_EBX_RDSEED : 0;
    cpu_features.leaf1_ecx = rdrand ? CPUID_1_ECX_RDRAND : 0;
    GIVES(seeds, 0x1111, 0x2222, 0x3333, 0x4444, 0x5555);
    GIVES(randoms, 0xaaaa, 0xbbbb, 0xcccc, 0xdddd, 0xeeee);
}

static uint64_t drawn[2];

static bool draw(size_t len) {
    memset(drawn, 0, sizeof(drawn));
    return cpu_random_bytes(drawn, len);
}

TEST(rdseed_is_preferred) {
    cpu_has(true, true);
    CHECK(draw(16));
    CHECK_EQ(drawn[0], 0x2222); // The first value is for comparison.
    CHECK_EQ(drawn[1], 0x3333);
}

TEST(rdrand_serves_where_there_is_no_rdseed) {
    cpu_has(false, true);
    CHECK(draw(16));
    CHECK_EQ(drawn[0], 0xbbbb);
    CHECK_EQ(seeds.asked, 0);
}

TEST(rdseed_alone_is_enough) {
    cpu_has(true, false);
    CHECK(draw(16));
    CHECK_EQ(drawn[1], 0x3333);
    CHECK_EQ(randoms.asked, 0);
}

TEST(a_cpu_without_either_gives_nothing) {
    cpu_has(false, false);
    CHECK(!draw(1));
    CHECK_EQ(seeds.asked + randoms.asked, 0);
}

TEST(no_more_than_asked_for_is_written) {
    cpu_has(true, true);
    CHECK(draw(1));
    CHECK_EQ(drawn[0], 0x22);
    CHECK(draw(0));
    CHECK_EQ(drawn[0], 0);
}

TEST(a_clear_carry_flag_is_tried_again) {
    cpu_has(false, true);
    GIVES(randoms, 0, 0, 0xaaaa, 0, 0xbbbb, 0xcccc);
    CHECK(draw(16));
    CHECK_EQ(drawn[0], 0xbbbb);
    CHECK_EQ(drawn[1], 0xcccc);
}

TEST(a_carry_flag_that_stays_clear_is_not_tried_for_ever) {
    cpu_has(false, true);
    GIVES(randoms, 0);
    CHECK(!draw(8));
}

TEST(a_drained_rdseed_gives_way_to_rdrand) {
    cpu_has(true, true);
    GIVES(seeds, 0x1111, 0x2222, 0);
    CHECK(draw(16));
    CHECK_EQ(drawn[0], 0x2222);
    CHECK_EQ(drawn[1], 0xbbbb);
}

TEST(a_stuck_value_is_not_random) {
    cpu_has(false, true);
    GIVES(randoms, 0xaaaa, 0xbbbb, 0xbbbb);
    CHECK(!draw(16));
    GIVES(randoms, 0xaaaa);
    CHECK(!draw(1));
}

TEST(all_ones_are_not_random) {
    cpu_has(true, true);
    GIVES(seeds, UINT64_MAX);
    GIVES(randoms, UINT64_MAX);
    CHECK(!draw(1));
}
