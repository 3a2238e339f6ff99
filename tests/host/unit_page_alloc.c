/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "kernel/page_alloc.h"

#include "kernel/page_buddy.h"
#include "tests/host/page_model.h"
#include "tests/host/unit.h"

/* A machine of that many MiB: RAM from 1 MiB on is the allocator's. */
static void start(uint64_t mib) {
    world_make_ram(mib * MIB);
    const phys_range_t ram[] = { { 0, 0xa0000 }, { 1 * MIB, mib * MIB } };
    const phys_range_t excluded[] = { { 0, 1 * MIB } };
    CHECK(world_start(ram, 2, excluded, 1));
}

/* Resident memory of this process in pages of the host. */
static long resident_pages(void) {
    long size, resident;
    FILE *statm = fopen("/proc/self/statm", "r");
    CHECK(statm != NULL && fscanf(statm, "%ld %ld", &size, &resident) == 2);
    fclose(statm);
    return resident;
}

TEST(a_4_mib_machine_loses_two_pages_to_metadata) {
    start(4);
    CHECK_EQ(page_total_count(), 3 * MIB / PAGE_SIZE - 2);
    CHECK_EQ(page_free_count(), page_total_count());
    for (size_t n = page_total_count(); n > 0; n--) {
        CHECK(page_alloc(0) != 0);
    }
    CHECK_EQ(page_alloc(0), 0);
    CHECK_EQ(page_touched_count(), page_total_count());
}

TEST(excluded_memory_and_page_0_are_never_handed_out) {
    world_make_ram(2 * MIB);
    const phys_range_t ram[] = { { 0, 2 * MIB } };
    /* Overlapping, unsorted, unaligned, empty, beyond the RAM. */
    const phys_range_t excluded[] = {
        { 0x180fff, 0x190001 }, { 0x10000, 0x20000 }, { 0x18000, 0x30000 }, { 0x50010, 0x50010 },
        { 0x1ff000, UINT64_MAX }, { 0x188000, 0x188001 },
    };
    CHECK(world_start(ram, 1, excluded, 6));
    size_t n = 0;
    uint64_t paddr;
    for (; (paddr = page_alloc(0)) != 0; n++) {
        CHECK(paddr >= 0x1000 && paddr < 0x1ff000);
        CHECK(paddr < 0x10000 || paddr >= 0x30000);
        CHECK(paddr < 0x180000 || paddr >= 0x191000);
    }
    /* Three pieces of 15, 336 and 110 pages, a page of metadata in each. */
    CHECK_EQ(n, 14 + 335 + 109);
}

TEST(lowest_addresses_come_first) {
    start(16);
    uint64_t last = 0;
    for (size_t n = page_total_count(); n > 0; n--) {
        uint64_t paddr = page_alloc(0);
        CHECK(paddr > last);
        last = paddr;
    }
}

TEST(lowest_addresses_come_first_out_of_a_cache_too) {
    start(4);
    world_start_caches();
    world_cpu = 0;
    uint64_t last = 0;
    for (size_t n = page_total_count(); n > 0; n--) {
        uint64_t paddr = page_alloc(0);
        CHECK(paddr > last);
        last = paddr;
    }
}

TEST(blocks_are_aligned_to_their_size) {
    start(16);
    for (unsigned order = 0; order <= PAGE_ORDER_MAX; order++) {
        uint64_t paddr = page_alloc(order);
        CHECK(paddr != 0);
        CHECK_EQ(paddr % ((uint64_t)PAGE_SIZE << order), 0);
    }
    CHECK_EQ(page_alloc(PAGE_ORDER_MAX + 1), 0);
    CHECK_EQ(page_free_count(), page_total_count() - 1023);
}

TEST(every_whole_2_mib_block_can_be_had) {
    start(16);
    for (uint64_t mib = 2; mib < 16; mib += 2) {
        CHECK_EQ(page_alloc(9), mib * MIB);
    }
    CHECK_EQ(page_alloc(9), 0);
}

TEST(freed_buddies_merge_in_any_order) {
    start(4);
    static uint64_t page[1024];
    size_t n = 0;
    while ((page[n] = page_alloc(0)) != 0) {
        n++;
    }
    CHECK_EQ(page_alloc(9), 0);
    for (size_t step = 0; step < 7; step++) {
        for (size_t i = step; i < n; i += 7) {
            page_free(page[i], 0);
        }
    }
    CHECK_EQ(page_alloc(9), 2 * MIB);
    CHECK_EQ(page_free_count(), n - 512);
    CHECK_EQ(world.misuses, 0);
}

TEST(terabytes_that_nobody_uses_cost_nothing) {
    const uint64_t tib = 1ull << 40;
    world_make_ram(3 * tib);
    const phys_range_t ram[] = { { 1 * MIB, 3072 * MIB }, { 4ull << 30, 3 * tib } };
    long before = resident_pages();
    CHECK(world_start(ram, 2, NULL, 0));
    CHECK(page_total_count() > 3 * tib / PAGE_SIZE * 99 / 100);
    CHECK(page_reserve(page_total_count() - 2048));
    for (int i = 0; i < 1024; i++) {
        CHECK(page_alloc(0) != 0);
    }
    uint64_t last = 0;
    for (uint64_t paddr; (paddr = page_alloc(9)) != 0;) {
        last = paddr;
    }
    CHECK(last > 0 && last < 3072 * MIB);
    CHECK(resident_pages() - before < 64);
}

TEST(blocks_of_every_region_of_a_large_machine_come_back) {
    /* A region spans at most 512 GiB: the pages on both sides of the seams. */
    const uint64_t gib = 1ull << 30;
    world_make_ram(1100 * gib);
    const phys_range_t ram[] = { { 511 * gib, 513 * gib }, { 1023 * gib, 1025 * gib } };
    CHECK(world_start(ram, 2, NULL, 0));
    static uint64_t block[4096];
    size_t n = 0;
    while ((block[n] = page_alloc(9)) != 0) {
        n++;
    }
    CHECK_EQ(n, 4 * (512 - 1)); /* Four regions, the metadata of each costs one block. */
    for (size_t i = 0; i < n; i++) {
        page_free(block[i], 9);
    }
    CHECK_EQ(world.misuses, 0);
    CHECK_EQ(page_free_count(), page_total_count());
}

TEST(metadata_is_touched_only_for_blocks_in_use) {
    start(64);
    world_fill_with(0xa5);
    const phys_range_t ram[] = { { 1 * MIB, 64 * MIB } };
    CHECK(world_start(ram, 1, NULL, 0));
    CHECK(page_alloc(0) != 0);
    CHECK(page_alloc(9) != 0);
    size_t touched = 0;
    for (uint64_t paddr = 0; paddr < 64 * MIB; paddr += PAGE_SIZE) {
        for (size_t i = 0; i < PAGE_SIZE; i++) {
            if (world.ram[paddr + i] != 0xa5) {
                touched++;
                break;
            }
        }
    }
    CHECK(touched <= 2);
}

TEST(garbage_in_metadata_that_was_never_set_is_not_believed) {
    /* The words of pages behind the frontier look like those of pages in use. */
    start(8);
    world_fill_with(0x03);
    const phys_range_t ram[] = { { 1 * MIB, 8 * MIB } };
    CHECK(world_start(ram, 1, NULL, 0));
    uint64_t used[] = { page_alloc(0), page_alloc(0), page_alloc(9) };
    size_t free_count = page_free_count();
    for (uint64_t paddr = 0; paddr < 8 * MIB; paddr += PAGE_SIZE) {
        if (paddr != used[0] && paddr != used[1] && (paddr < used[2] || paddr >= used[2] + 2 * MIB)) {
            world.misuse = NULL;
            page_free(paddr, 0);
            CHECK(world.misuse != NULL);
        }
    }
    CHECK_EQ(page_free_count(), free_count);
}

TEST(metadata_takes_no_page_more_than_its_words_need) {
    for (size_t pages = 1; pages < 3000; pages++) {
        for (size_t skip = 0; skip < 6000; skip += 1000) {
            page_region_t region;
            size_t managed = page_region_init(&region, MIB, MIB + pages * PAGE_SIZE, skip, 0);
            size_t metadata = pages - managed;
            if (managed > 0) {
                CHECK(skip + managed * sizeof(uint64_t) <= metadata * PAGE_SIZE);
            }
            CHECK(managed == pages || skip + (managed + 1) * sizeof(uint64_t) > (metadata - 1) * PAGE_SIZE);
        }
    }
}

TEST(a_single_page_between_exclusions_is_left_alone) {
    world_make_ram(2 * MIB);
    const phys_range_t ram[] = { { MIB, MIB + PAGE_SIZE }, { MIB + 2 * PAGE_SIZE, MIB + 5 * PAGE_SIZE } };
    CHECK(world_start(ram, 2, NULL, 0));
    CHECK_EQ(page_total_count(), 2);
    CHECK_EQ(page_alloc(0), MIB + 3 * PAGE_SIZE);
    CHECK_EQ(page_alloc(0), MIB + 4 * PAGE_SIZE);
    CHECK_EQ(page_alloc(0), 0);
}

TEST(hundreds_of_ranges_are_all_used) {
    world_make_ram(64 * MIB);
    static phys_range_t ram[400];
    for (uint64_t i = 0; i < 400; i++) {
        ram[i] = (phys_range_t) { MIB + i * 0x10000, MIB + i * 0x10000 + 0xf000 };
    }
    /* The table of regions needs some pages in one piece. */
    ram[399].end = 40 * MIB;
    CHECK(world_start(ram, 400, NULL, 0));
    uint64_t paddr;
    size_t n = 0;
    static uint64_t page[16384];
    while ((paddr = page_alloc(0)) != 0) {
        page[n++] = paddr;
    }
    CHECK_EQ(n, page_total_count());
    CHECK(n > 399 * 14);
    for (size_t i = 0; i < n; i++) {
        page_free(page[i], 0);
    }
    CHECK_EQ(world.misuses, 0);
    CHECK_EQ(page_free_count(), n);
}

TEST(a_machine_without_memory_is_refused) {
    world_make_ram(4 * MIB);
    const phys_range_t ram[] = { { 0, PAGE_SIZE }, { 1 * MIB, 1 * MIB + PAGE_SIZE } };
    const phys_range_t all[] = { { 0, UINT64_MAX } };
    CHECK(!world_start(NULL, 0, NULL, 0));
    CHECK(!world_start(ram, 2, NULL, 0));
    const phys_range_t more[] = { { 0, 4 * MIB } };
    CHECK(!world_start(more, 1, all, 1));
    CHECK_EQ(page_alloc(0), 0);
    CHECK(!page_reserve(1));
    CHECK(page_reserve(0));
}

TEST(promised_pages_are_refused_to_others_and_surely_found) {
    start(4);
    size_t total = page_total_count();
    CHECK(page_reserve(total - 10));
    CHECK(!page_reserve(11));
    CHECK_EQ(page_alloc(4), 0);
    for (int i = 0; i < 10; i++) {
        CHECK(page_alloc(0) != 0);
    }
    CHECK_EQ(page_alloc(0), 0);
    for (size_t i = 0; i < total - 10; i++) {
        CHECK(page_alloc_reserved() != 0);
    }
    CHECK_EQ(page_free_count(), 0);
    CHECK_EQ(page_reserved_count(), 0);
    CHECK_EQ(world.misuses, 0);
}

TEST(promises_given_up_are_free_for_others) {
    start(4);
    size_t total = page_total_count();
    CHECK(page_reserve(total));
    CHECK_EQ(page_alloc(0), 0);
    page_unreserve(1);
    CHECK(page_alloc(0) != 0);
    CHECK_EQ(page_alloc(0), 0);
    page_unreserve(total - 1);
    CHECK_EQ(page_reserved_count(), 0);
    CHECK(page_alloc(9) != 0);
}

TEST(a_promised_block_is_found_while_there_is_one_and_the_promises_kept_else) {
    start(4);
    CHECK(page_reserve(page_total_count()));
    uint64_t block = page_alloc_reserved_block(9);
    CHECK_EQ(block, 2 * MIB);
    CHECK_EQ(page_reserved_count(), page_total_count() - 512);
    page_free_reserved_block(block, 9);
    CHECK_EQ(page_alloc(0), 0);
    CHECK_EQ(page_reserved_count(), page_total_count());

    uint64_t paddr = 0;
    while (page_reserved_count() > 0) {
        paddr = page_alloc_reserved();
    }
    for (; paddr > 2 * MIB; paddr -= 2 * PAGE_SIZE) {
        page_free_reserved(paddr);
    }
    size_t reserved = page_reserved_count();
    CHECK_EQ(reserved, 256);
    CHECK_EQ(page_alloc_reserved_block(1), 0);
    CHECK_EQ(page_alloc_reserved_block(PAGE_ORDER_MAX + 1), 0);
    CHECK_EQ(page_reserved_count(), reserved);
    CHECK_EQ(world.misuses, 0);
}

TEST(a_page_given_back_to_its_promise_is_found_again) {
    start(4);
    CHECK(page_reserve(page_total_count()));
    uint64_t paddr = page_alloc_reserved();
    CHECK_EQ(page_alloc(0), 0);
    page_free_reserved(paddr);
    CHECK_EQ(page_alloc(0), 0);
    CHECK_EQ(page_reserved_count(), page_total_count());
    CHECK_EQ(page_alloc_reserved(), paddr);
}

TEST(pages_in_other_cpus_caches_are_found_when_memory_runs_out) {
    start(4);
    world_start_caches();
    size_t total = page_total_count();
    uint64_t page[WORLD_CPUS];
    for (world_cpu = 0; world_cpu < WORLD_CPUS; world_cpu++) {
        page[world_cpu] = page_alloc(0); /* Fills the cache. */
    }
    for (world_cpu = 0; world_cpu < WORLD_CPUS; world_cpu++) {
        page_free(page[world_cpu], 0);
    }
    CHECK_EQ(page_free_count(), total);
    world_cpu = 0;
    CHECK(page_reserve(total));
    page_unreserve(total);
    for (size_t i = 0; i < total; i++) {
        CHECK(page_alloc(0) != 0);
    }
    CHECK_EQ(page_alloc(0), 0);
}

static void check_misuse(uint64_t paddr, unsigned order, const char *what) {
    size_t free_count = page_free_count();
    world.misuse = NULL;
    page_free(paddr, order);
    CHECK(world.misuse != NULL);
    CHECK_TEXT(world.misuse, what);
    CHECK_EQ(world.misuse_paddr, paddr);
    CHECK_EQ(world.misuse_order, order);
    CHECK_EQ(page_free_count(), free_count);
}

TEST(a_double_free_is_noticed_and_harmless) {
    start(4);
    uint64_t page = page_alloc(0);
    uint64_t block = page_alloc(3);
    page_free(page, 0);
    check_misuse(page, 0, "block is free already");
    page_free(block, 3);
    /* It has merged into a larger block, of which it is the start, or not. */
    world.misuse = NULL;
    page_free(block, 3);
    CHECK(world.misuse != NULL);
    CHECK_EQ(page_free_count(), page_total_count());
}

TEST(a_double_free_is_noticed_while_the_page_is_in_a_cache) {
    start(4);
    world_start_caches();
    world_cpu = 1;
    uint64_t page = page_alloc(0);
    page_free(page, 0);
    check_misuse(page, 0, "block is free already");
    world_cpu = 2;
    check_misuse(page, 0, "block is free already");
}

TEST(freeing_what_was_not_handed_out_so_is_noticed) {
    start(16);
    uint64_t block = page_alloc(3);
    check_misuse(block, 2, "block is of another order");
    check_misuse(block, 0, "block is of another order");
    check_misuse(block, 4, block % 0x10000 != 0 ? "misaligned address" : "block is of another order");
    check_misuse(block + PAGE_SIZE, 0, "not the start of a block");
    check_misuse(block + 1, 0, "misaligned address");
    check_misuse(block, 10, "no such order");
    check_misuse(14 * MIB, 0, "page was never handed out");
    check_misuse(1 * MIB, 0, "not the page allocator's memory");
    check_misuse(0x5000, 0, "not the page allocator's memory");
    check_misuse(16 * MIB, 0, "not the page allocator's memory");
    check_misuse(UINT64_MAX & ~0xfffull, 0, "not the page allocator's memory");
    world.misuse = NULL;
    page_free(block, 3);
    CHECK(world.misuse == NULL);
}

TEST(calling_in_a_promise_that_was_never_made_is_noticed) {
    start(4);
    for (world_cpu = -1; world_cpu < 1; world_cpu++) {
        if (world_cpu == 0) {
            world_start_caches();
        }
        world.misuse = NULL;
        CHECK_EQ(page_alloc_reserved(), 0);
        CHECK_TEXT(world.misuse, "no page was promised");
        CHECK_EQ(page_free_count(), page_total_count());
    }
    page_unreserve(1);
    CHECK_TEXT(world.misuse, "more promises given up than made");
    CHECK_EQ(page_reserved_count(), 0);
}

TEST(a_page_counts_as_touched_once) {
    start(4);
    uint64_t first = page_alloc(0);
    CHECK_EQ(page_touched_count(), 1);
    page_free(first, 0);
    CHECK_EQ(page_alloc(0), first);
    CHECK_EQ(page_touched_count(), 1);
    CHECK(page_alloc(9) != 0);
    CHECK_EQ(page_touched_count(), 513);
}

TEST(random_use_agrees_with_a_simple_model) {
    static uint8_t script[4000];
    uint64_t random = 0x9e3779b97f4a7c15;
    for (int round = 0; round < 150; round++) {
        for (size_t i = 0; i < sizeof(script); i++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            script[i] = random >> 32;
        }
        model_run(script, sizeof(script));
    }
}
