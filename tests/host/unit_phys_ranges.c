/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "kernel/phys_ranges.h"

#include "tests/host/unit.h"

static phys_ranges_t set;

/* Compares the set with pairs of start and end, closed by 0, 0. */
static void check_set(const uint64_t *expected) {
    uint32_t count = 0;
    for (; expected[2 * count + 1] != 0; count++) {
        CHECK(count < set.count);
        CHECK_EQ(set.range[count].start, expected[2 * count]);
        CHECK_EQ(set.range[count].end, expected[2 * count + 1]);
    }
    CHECK_EQ(set.count, count);
}
#define CHECK_SET(...) check_set((uint64_t[]) { __VA_ARGS__, 0, 0 })
#define CHECK_SET_EMPTY() check_set((uint64_t[]) { 0, 0 })

TEST(added_ranges_come_out_sorted) {
    phys_ranges_clear(&set);
    phys_ranges_add(&set, 50, 60);
    phys_ranges_add(&set, 10, 20);
    phys_ranges_add(&set, 30, 40);
    CHECK_SET(10, 20, 30, 40, 50, 60);
    CHECK_EQ(phys_ranges_size(&set), 30);
}

TEST(ranges_that_touch_or_overlap_are_one) {
    phys_ranges_clear(&set);
    phys_ranges_add(&set, 10, 20);
    phys_ranges_add(&set, 20, 30);
    phys_ranges_add(&set, 5, 12);
    CHECK_SET(5, 30);
    phys_ranges_add(&set, 40, 50);
    phys_ranges_add(&set, 60, 70);
    phys_ranges_add(&set, 29, 65);
    CHECK_SET(5, 70);
    phys_ranges_add(&set, 10, 20);
    CHECK_SET(5, 70);
}

TEST(lowest_bytes_end_where_they_end) {
    phys_ranges_clear(&set);
    CHECK_EQ(phys_ranges_end_of(&set, 0), UINT64_MAX);
    phys_ranges_add(&set, 10, 20);
    phys_ranges_add(&set, 30, 40);
    CHECK_EQ(phys_ranges_end_of(&set, 0), 10);
    CHECK_EQ(phys_ranges_end_of(&set, 9), 19);
    CHECK_EQ(phys_ranges_end_of(&set, 10), 30);
    CHECK_EQ(phys_ranges_end_of(&set, 19), 39);
    CHECK_EQ(phys_ranges_end_of(&set, 20), UINT64_MAX);
    CHECK_EQ(phys_ranges_end_of(&set, UINT64_MAX), UINT64_MAX);
}

TEST(empty_and_reversed_ranges_change_nothing) {
    phys_ranges_clear(&set);
    phys_ranges_add(&set, 10, 20);
    phys_ranges_add(&set, 30, 30);
    phys_ranges_add(&set, 50, 40);
    phys_ranges_subtract(&set, 15, 15);
    phys_ranges_subtract(&set, 18, 12);
    CHECK_SET(10, 20);
}

TEST(subtraction_cuts_splits_and_removes) {
    phys_ranges_clear(&set);
    phys_ranges_add(&set, 10, 40);
    phys_ranges_subtract(&set, 0, 15);
    CHECK_SET(15, 40);
    phys_ranges_subtract(&set, 35, 99);
    CHECK_SET(15, 35);
    phys_ranges_subtract(&set, 20, 25);
    CHECK_SET(15, 20, 25, 35);
    phys_ranges_subtract(&set, 40, UINT64_MAX);
    CHECK_SET(15, 20, 25, 35);
    phys_ranges_subtract(&set, 18, 27);
    CHECK_SET(15, 18, 27, 35);
    phys_ranges_subtract(&set, 15, 18);
    CHECK_SET(27, 35);
    phys_ranges_subtract(&set, 0, UINT64_MAX);
    CHECK_SET_EMPTY();
}

TEST(rounding_keeps_whole_units_only) {
    phys_ranges_clear(&set);
    phys_ranges_add(&set, 1, 0x1fff);
    phys_ranges_add(&set, 0x3001, 0x5000);
    phys_ranges_add(&set, 0x8000, 0x9001);
    phys_ranges_add(&set, UINT64_MAX - 5, UINT64_MAX);
    phys_ranges_round_inwards(&set, 0x1000);
    CHECK_SET(0x4000, 0x5000, 0x8000, 0x9000);
}

/* Fills the set with ranges of `size` bytes, 100 apart. */
static void fill(uint64_t size) {
    phys_ranges_clear(&set);
    for (uint64_t i = 0; i < PHYS_RANGES_MAX; i++) {
        phys_ranges_add(&set, 1000 + i * 100, 1000 + i * 100 + size);
    }
    CHECK_EQ(set.count, PHYS_RANGES_MAX);
    CHECK(!set.dropped);
}

TEST(a_full_set_drops_its_smallest_range_for_a_larger_one) {
    fill(10);
    phys_ranges_subtract(&set, 1000 + 5 * 100, 1000 + 5 * 100 + 5);
    phys_ranges_add(&set, 100000, 200000);
    CHECK(set.dropped);
    CHECK_EQ(set.count, PHYS_RANGES_MAX);
    CHECK_EQ(set.range[PHYS_RANGES_MAX - 1].start, 100000);
    CHECK_EQ(phys_ranges_size(&set), (PHYS_RANGES_MAX - 1) * 10 + 100000);
}

TEST(a_full_set_stays_sorted_wherever_its_smallest_range_is) {
    for (uint64_t smallest = 0; smallest < PHYS_RANGES_MAX; smallest++) {
        fill(10);
        phys_ranges_subtract(&set, 1000 + smallest * 100, 1000 + smallest * 100 + 1);
        phys_ranges_add(&set, 1000 + 5 * 100 + 50, 1000 + 5 * 100 + 70);
        CHECK_EQ(set.count, PHYS_RANGES_MAX);
        CHECK_EQ(phys_ranges_size(&set), (PHYS_RANGES_MAX - 1) * 10 + 20);
        for (uint32_t k = 1; k < set.count; k++) {
            CHECK(set.range[k - 1].end < set.range[k].start);
        }
    }
}

TEST(a_full_set_ignores_a_range_smaller_than_all) {
    fill(10);
    phys_ranges_add(&set, 0, 9);
    CHECK(set.dropped);
    CHECK_EQ(phys_ranges_size(&set), PHYS_RANGES_MAX * 10);
}

TEST(what_is_subtracted_is_gone_even_where_a_split_has_no_room) {
    fill(10);
    for (uint64_t i = 0; i < PHYS_RANGES_MAX; i++) {
        uint64_t hole = 1000 + i * 100 + 4;
        phys_ranges_subtract(&set, hole, hole + 1);
        CHECK(set.count <= PHYS_RANGES_MAX);
        for (uint32_t k = 0; k < set.count; k++) {
            CHECK(set.range[k].end <= hole || set.range[k].start > hole);
            CHECK(set.range[k].start < set.range[k].end);
            CHECK(k == 0 || set.range[k - 1].end < set.range[k].start);
        }
    }
    CHECK(set.dropped);
}

TEST(only_what_is_in_one_piece_is_contained) {
    phys_ranges_t set;
    phys_ranges_clear(&set);
    CHECK(!phys_ranges_contain(&set, 0, 1));
    phys_ranges_add(&set, 10, 20);
    phys_ranges_add(&set, 30, 40);
    CHECK(phys_ranges_contain(&set, 10, 20));
    CHECK(phys_ranges_contain(&set, 39, 40));
    CHECK(!phys_ranges_contain(&set, 9, 20));
    CHECK(!phys_ranges_contain(&set, 10, 21));
    CHECK(!phys_ranges_contain(&set, 15, 35));
}
