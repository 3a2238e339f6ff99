/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "kernel/kalloc.h"

#include "tests/host/memory_world.h"
#include "tests/host/unit.h"

/* Around the size of each kind of piece, and where whole pages begin, and end. */
static const size_t sizes[] = {
    1, 8, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, 495, 496, 497, 1007, 1008, 1009, 2031, 2032, 2033,
    4095, 4096, 4097, 8192, 8193, 20000, 32769, KALLOC_SIZE_MAX - 1, KALLOC_SIZE_MAX,
};
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static void start(void) {
    world_start();
    memory_start();
}

static void fill(uint8_t *piece, size_t size, uint8_t with) {
    memset(piece, with, size);
}

static void check_filled(const uint8_t *piece, size_t size, uint8_t with) {
    for (size_t i = 0; i < size; ++i) {
        CHECK_EQ(piece[i], with);
    }
}

static size_t pages_used(void) {
    return page_total_count() - page_free_count();
}

#define PIECES 600

static struct {
    uint8_t *at;
    size_t size;
    uint8_t with;
} pieces[PIECES];

static void take_piece(unsigned i) {
    pieces[i].size = sizes[world_random() % (world_random() % 8 ? 23 : SIZES)];
    pieces[i].with = world_random();
    pieces[i].at = kalloc(pieces[i].size);
    CHECK(pieces[i].at);
    CHECK_EQ((uintptr_t)pieces[i].at % 16, 0);
    fill(pieces[i].at, pieces[i].size, pieces[i].with);
}

static void give_piece(unsigned i) {
    check_filled(pieces[i].at, pieces[i].size, pieces[i].with);
    kfree(pieces[i].at, pieces[i].size);
    pieces[i].at = NULL;
}

TEST(a_piece_is_aligned_and_keeps_its_content_whatever_else_is_taken_and_given_back) {
    start();
    for (unsigned step = 0; step < 60000; ++step) {
        // More and more of them, then fewer and fewer.
        unsigned i = world_random() % PIECES;
        bool is_to_take = world_random() % 8 < (step / 5000 % 2 ? 2 : 6);
        if (pieces[i].at && !is_to_take) {
            give_piece(i);
        } else if (!pieces[i].at && is_to_take) {
            take_piece(i);
        }
    }
    for (unsigned i = 0; i < PIECES; ++i) {
        if (pieces[i].at) {
            give_piece(i);
        }
    }
    check_all_memory_is_free();
}

/* As many as there are in a page, in kalloc.c. */
static const struct {
    size_t size;
    unsigned count;
} kinds[] = { { 32, 127 }, { 64, 63 }, { 128, 31 }, { 256, 15 }, { 496, 8 }, { 1008, 4 }, { 2032, 2 } };
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

TEST(pieces_share_pages_and_a_page_goes_back_with_its_last_piece) {
    start();
    for (unsigned kind = 0; kind < KINDS; ++kind) {
        size_t size = kinds[kind].size;
        unsigned count = kinds[kind].count;
        uint8_t *piece[3 * 127];
        // All of a page first, or all the first ones of each.
        for (unsigned stride = 1; stride <= count; stride += count - 1) {
            for (unsigned i = 0; i < 3 * count; ++i) {
                piece[i] = kalloc(size);
                CHECK_EQ(pages_used(), i / count + 1);
            }
            unsigned given = 0;
            for (unsigned first = 0; first < stride; ++first) {
                for (unsigned i = first; i < 3 * count; i += stride) {
                    kfree(piece[i], size);
                    ++given;
                    size_t whole = stride == 1 ? given / count : given > 3 * (count - 1) ? given - 3 * (count - 1) : 0;
                    CHECK_EQ(pages_used(), 3 - whole);
                }
            }
        }
    }
    check_all_memory_is_free();
}

TEST(a_piece_that_was_given_back_is_taken_again_before_another_page_is) {
    start();
    for (unsigned kind = 0; kind < KINDS; ++kind) {
        size_t size = kinds[kind].size;
        unsigned count = 2 * kinds[kind].count;
        uint8_t *piece[2 * 127];
        for (unsigned i = 0; i < count; ++i) {
            piece[i] = kalloc(size);
        }
        for (unsigned i = 0; i < count; i += 2) {
            kfree(piece[i], size);
        }
        for (unsigned i = 0; i < count; i += 2) {
            piece[i] = kalloc(size);
            CHECK_EQ(pages_used(), 2);
        }
        for (unsigned i = 0; i < count; ++i) {
            kfree(piece[i], size);
        }
    }
    check_all_memory_is_free();
}

TEST(above_half_a_page_it_takes_a_power_of_two_of_pages) {
    start();
    for (size_t size = 2033; size <= KALLOC_SIZE_MAX; ++size) {
        size_t pages = 1;
        while (pages * PAGE_SIZE < size) {
            pages *= 2;
        }
        void *piece = kalloc(size);
        CHECK_EQ(pages_used(), pages);
        CHECK_EQ((uintptr_t)piece % PAGE_SIZE, 0);
        kfree(piece, size);
        CHECK_EQ(pages_used(), 0);
    }
}

TEST(more_than_its_maximum_it_does_not_give) {
    start();
    CHECK(!kalloc(KALLOC_SIZE_MAX + 1));
    CHECK(!kalloc(SIZE_MAX));
    check_all_memory_is_free();
}

TEST(where_memory_is_missing_it_gives_null_and_what_is_left_of_its_pages) {
    start();
    for (unsigned kind = 0; kind < KINDS; ++kind) {
        size_t size = kinds[kind].size;
        memory_leave(2);
        uint8_t *piece[2 * 127];
        for (unsigned i = 0; i < 2 * kinds[kind].count; ++i) {
            piece[i] = kalloc(size);
            CHECK(piece[i]);
            fill(piece[i], size, i);
        }
        for (unsigned i = 0; i < SIZES; ++i) {
            CHECK(!kalloc(sizes[i]));
        }
        for (unsigned i = 0; i < 2 * kinds[kind].count; ++i) {
            check_filled(piece[i], size, i);
            kfree(piece[i], size);
        }
        memory_restore();
        check_all_memory_is_free();
    }
    memory_leave(15);
    CHECK(!kalloc(KALLOC_SIZE_MAX));
    CHECK_EQ(page_available_count(), 15);
}
