/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Address spaces, of pages of the kernel's own allocator. */
#include "kernel/address_space.h"

#include "boot/cpu_features.h"
#include "kernel/tlb.h"
#include "tests/host/boot_tables.h"
#include "tests/host/memory_world.h"
#include "tests/host/unit.h"

#define GIB (1ull << 30)
#define BASE HEAP_EXTENSION_BASE
#define ENTRIES 512
#define SHARED_ENTRY (SHARED_BASE >> 39 & (ENTRIES - 1))
#define WORLD_PAGES (WORLD_RAM / PAGE_SIZE)

cpu_features_t cpu_features = { .leaf1_ecx = CPUID_1_ECX_PCID };

static address_space_t space;

/* The pages that a CPU that remembers all it may can reach by `space`, and all others that are in use. */
static size_t remembered, other_pages;
static uint64_t flushed; // What the last flush was told.
static unsigned flushes, retired;

struct cpuid cpuid(uint32_t leaf, uint32_t subleaf) {
    (void)leaf;
    (void)subleaf;
    abort(); // Nothing is mapped by GiB here.
}

uint64_t read_cr3(void) {
    return space.cr3;
}

void write_cr3(uint64_t value) {
    (void)value;
    abort();
}

void invlpg(uintptr_t virt) {
    (void)virt;
}

static size_t pages_used(void) {
    return page_total_count() - page_free_count();
}

/* What an address space has: each page once. */
typedef struct _reached_t {
    size_t tables, pages;
    bool seen[WORLD_PAGES];
} reached_t;

static void reach(reached_t *reached, uint64_t paddr, size_t count) {
    for (size_t i = paddr / PAGE_SIZE; count--; ++i) {
        CHECK(i < WORLD_PAGES && !reached->seen[i]);
        reached->seen[i] = true;
    }
}

static void reach_by_table(reached_t *reached, const uint64_t *table, unsigned level) {
    for (unsigned i = 0; i < ENTRIES; ++i) {
        if (!(table[i] & PTE_PRESENT) || table[i] == boot_pdpt_low[0]) {
            continue;
        }
        uint64_t paddr = table[i] & PTE_ADDRESS;
        if (level > 1 && !(table[i] & PTE_LARGE)) {
            reach(reached, paddr, 1);
            ++reached->tables;
            reach_by_table(reached, phys_to_virt(paddr), level - 1);
        } else {
            CHECK(level <= 2);
            size_t count = level == 1 ? 1 : LARGE_PAGE_SIZE / PAGE_SIZE;
            reach(reached, paddr, count);
            reached->pages += count;
        }
    }
}

static reached_t reach_all(void) {
    reached_t reached = { 0 };
    uint64_t private[ENTRIES] = { 0 };
    if (space.root == boot_pml4) {
        private[SHARED_ENTRY] = boot_pml4[SHARED_ENTRY];
    } else if (space.root) {
        memcpy(private, space.root, sizeof(private) / 2);
        reach(&reached, virt_to_phys(space.root), 1);
        ++reached.tables;
    }
    reach_by_table(&reached, private, 4);
    return reached;
}

static size_t reachable(void) {
    reached_t reached = reach_all();
    return reached.tables + reached.pages;
}

/* Before something is taken out. */
static void remember(void) {
    remembered = reachable();
    other_pages = pages_used() - remembered;
}

/* And afterwards: nothing is free that is remembered, and nothing else is in use. */
static void check_forgotten(void) {
    CHECK_EQ(reachable(), remembered);
    CHECK_EQ(pages_used(), remembered + other_pages);
}

/* What was taken out so far is in use still: a CPU may have it. */
static void forget(void) {
    CHECK(!world_held); // No lock is.
    CHECK_EQ(pages_used(), remembered + other_pages);
    remembered = reachable();
}

void tlb_flush(uint64_t cr3) {
    CHECK(cr3);
    flushed = cr3;
    ++flushes;
    forget();
}

void tlb_flush_all(void) {
    flushed = 0;
    ++flushes;
    forget();
}

void tlb_retire(uint64_t cr3) {
    CHECK(cr3);
    ++retired;
    if (cr3 == space.cr3) {
        forget();
    }
}

static void start(void) {
    world_start();
    memory_start();
    boot_pdpt_low[0] = 0x1000 | PTE_PRESENT | PTE_WRITABLE;
    for (unsigned i = ENTRIES / 2; i < ENTRIES; ++i) {
        boot_pml4[i] = i == SHARED_ENTRY ? 0 : (uint64_t)i << 12 | PTE_PRESENT;
    }
    CHECK(address_space_init(&space));
}

static void end(void) {
    remember();
    unsigned before = retired;
    address_space_end(&space);
    CHECK_EQ(retired, before + 1);
    space.root = NULL;
}

static void end_and_check_all_is_given_back(void) {
    end();
    CHECK_EQ(page_reserved_count(), 0);
    check_all_memory_is_free();
}

static uint64_t entry_of(uintptr_t address, size_t *size) {
    return paging_lookup(space.root, address, size);
}

static bool is_touched(uintptr_t address) {
    size_t size;
    return entry_of(address, &size);
}

/* The first word of the page of `address`, by the direct map. */
static uint64_t *word_of(uintptr_t address) {
    size_t size;
    uint64_t entry = entry_of(address, &size);
    CHECK(entry);
    return phys_to_virt((entry & PTE_ADDRESS) + (address & (size - 1) & ~(uintptr_t)(PAGE_SIZE - 1)));
}

static void check_zero(const uint64_t *word, size_t size) {
    for (size_t i = 0; i < size / sizeof(*word); ++i) {
        CHECK_EQ(word[i], 0);
    }
}

/* A page, or 2 MiB, that comes is zero, may be written and not executed; what is there stays. */
static void touch(uintptr_t address) {
    bool was_there = is_touched(address);
    CHECK(address_space_fault(&space, address));
    size_t size;
    uint64_t entry = entry_of(address, &size);
    CHECK_EQ(entry & ~PTE_ADDRESS, MAP_WRITE | (size > PAGE_SIZE ? PTE_LARGE : 0));
    CHECK_EQ(paging_rights(space.root, address), PTE_WRITABLE | PTE_NX);
    if (!was_there) {
        uintptr_t first = address & ~(size - 1);
        check_zero(word_of(first), size);
        for (uintptr_t at = first; at < first + size; at += PAGE_SIZE) {
            memset(word_of(at), 0x5a, PAGE_SIZE);
            *word_of(at) = at;
        }
    }
    CHECK_EQ(*word_of(address), address & ~(uintptr_t)(PAGE_SIZE - 1));
}

static void touch_all(uintptr_t first, size_t size) {
    // In some order: 61 is prime.
    size_t pages = size / PAGE_SIZE;
    for (size_t i = 0; i < pages; ++i) {
        touch(first + i * (pages % 61 ? 61 : 1) % pages * PAGE_SIZE);
    }
}

static void drop(uintptr_t first, bool keep) {
    remember();
    address_space_drop(&space, first, keep);
    check_forgotten();
}

static void renew(uintptr_t first, uintptr_t last) {
    remember();
    address_space_renew(&space, first, last);
    check_forgotten();
}

/* Takes all that nobody was promised, page by page, and fills it. */
static uint64_t taken[WORLD_PAGES];
static size_t taken_count;

static void take_the_rest(void) {
    uint64_t page;
    while ((page = page_alloc(0))) {
        memset(phys_to_virt(page), 0xa5, PAGE_SIZE);
        taken[taken_count++] = page;
    }
    CHECK_EQ(page_available_count(), 0);
}

static void give_the_rest_back(void) {
    while (taken_count) {
        page_free(taken[--taken_count], 0);
    }
}

TEST(an_address_space_needs_two_pages_and_takes_none_without_them) {
    start();
    CHECK_EQ(pages_used(), 2);
    address_space_t other = { 0 };
    for (unsigned pages = 0; pages < 2; ++pages) {
        memory_leave(pages);
        CHECK(!address_space_init(&other));
        memory_restore();
        CHECK_EQ(pages_used(), 2);
    }
    memory_leave(2);
    CHECK(address_space_init(&other));
    memory_restore();
    address_space_end(&other);
    end_and_check_all_is_given_back();
}

TEST(each_has_a_pcid_of_its_own_as_long_as_there_are_some) {
    start();
    CHECK_EQ(space.cr3 & ~(uint64_t)CR3_PCID, virt_to_phys(space.root));
    static address_space_t others[TLB_PCIDS + 2];
    uint64_t seen = 1ull << (space.cr3 & CR3_PCID);
    for (unsigned i = 0; i < TLB_PCIDS + 2; ++i) {
        CHECK(address_space_init(&others[i]));
        uint64_t pcid = others[i].cr3 & CR3_PCID;
        CHECK_EQ(pcid == 0, i >= TLB_PCIDS - 2); // 0 is no one's own.
        CHECK(pcid < TLB_PCIDS && (!pcid || !(seen >> pcid & 1)));
        seen |= 1ull << pcid;
    }
    uint64_t given_back = others[40].cr3 & CR3_PCID;
    address_space_end(&others[40]);
    address_space_end(&others[TLB_PCIDS + 1]);
    CHECK(address_space_init(&others[40]));
    CHECK_EQ(others[40].cr3 & CR3_PCID, given_back);
    CHECK(address_space_init(&others[TLB_PCIDS + 1]));
    CHECK_EQ(others[TLB_PCIDS + 1].cr3 & CR3_PCID, 0);
    for (unsigned i = 0; i < TLB_PCIDS + 2; ++i) {
        address_space_end(&others[i]);
    }
    cpu_features.leaf1_ecx = 0;
    CHECK(address_space_init(&others[0]));
    CHECK_EQ(others[0].cr3 & CR3_PCID, 0);
    address_space_end(&others[0]);
    end_and_check_all_is_given_back();
}

TEST(an_area_without_its_memory_changes_nothing) {
    start();
    size_t cost = address_space_cost(10 * PAGE_SIZE);
    memory_leave(cost - 1);
    size_t reserved = page_reserved_count();
    CHECK(!address_space_add(&space, BASE, 10 * PAGE_SIZE, false));
    CHECK_EQ(page_reserved_count(), reserved);
    CHECK_EQ(address_space_area_end(&space, BASE), 0);
    CHECK(!address_space_fault(&space, BASE));
    memory_restore();
    memory_leave(cost);
    CHECK(address_space_add(&space, BASE, 10 * PAGE_SIZE, false));
    CHECK_EQ(page_available_count(), 0);
    page_unreserve(page_reserved_count() - cost);
    end_and_check_all_is_given_back();
}

TEST(only_what_lies_in_an_area_is_served) {
    start();
    CHECK(address_space_add(&space, BASE + PAGE_SIZE, 2 * PAGE_SIZE, false));
    CHECK(!address_space_fault(&space, BASE + PAGE_SIZE - 1));
    CHECK(!address_space_fault(&space, BASE + 3 * PAGE_SIZE));
    CHECK(!address_space_fault(&space, 0));
    CHECK_EQ(pages_used(), 2);
    touch(BASE + PAGE_SIZE);
    touch(BASE + 3 * PAGE_SIZE - 1);
    CHECK_EQ(address_space_used(&space), 2 * PAGE_SIZE);
    CHECK_EQ(address_space_area_end(&space, BASE + PAGE_SIZE), BASE + 3 * PAGE_SIZE);
    CHECK_EQ(address_space_area_end(&space, BASE), 0);
    CHECK_EQ(address_space_area_end(&space, BASE + 3 * PAGE_SIZE), 0);
    end_and_check_all_is_given_back();
}

TEST(a_page_that_is_there_is_left_alone) {
    start();
    CHECK(address_space_add(&space, BASE, PAGE_SIZE, false));
    touch(BASE);
    size_t used = pages_used(), reserved = page_reserved_count();
    touch(BASE + 5);
    CHECK_EQ(pages_used(), used);
    CHECK_EQ(page_reserved_count(), reserved);
    end_and_check_all_is_given_back();
}

/* As many tables as an area of that size can need: on both sides of 2 MiB, of 1 GiB; and others. */
static const struct {
    uintptr_t start;
    size_t size;
    bool large;
} needy[] = {
    { BASE + GIB - PAGE_SIZE, 2 * PAGE_SIZE, false },
    { BASE + LARGE_PAGE_SIZE - PAGE_SIZE, LARGE_PAGE_SIZE + 2 * PAGE_SIZE, false },
    { BASE + GIB - PAGE_SIZE, LARGE_PAGE_SIZE + 2 * PAGE_SIZE, true },
    { BASE, 2 * LARGE_PAGE_SIZE + 5 * PAGE_SIZE, true },
    { WINDOW_HEAP, 3 * LARGE_PAGE_SIZE / 2, false },
    { BASE + 3 * PAGE_SIZE, PAGE_SIZE, true },
};

TEST(a_fault_finds_the_page_that_was_promised_though_all_others_are_taken) {
    start();
    for (unsigned i = 0; i < sizeof(needy) / sizeof(needy[0]); ++i) {
        CHECK(address_space_add(&space, needy[i].start, needy[i].size, needy[i].large));
        take_the_rest();
        touch_all(needy[i].start, needy[i].size);
        CHECK_EQ(address_space_used(&space), needy[i].size);
        // Once more, what was given back is not for others.
        drop(needy[i].start, true);
        CHECK_EQ(page_alloc(0), 0);
        CHECK_EQ(address_space_used(&space), 0);
        touch_all(needy[i].start, needy[i].size);
        give_the_rest_back();
        end_and_check_all_is_given_back();
        CHECK(address_space_init(&space));
    }
    end_and_check_all_is_given_back();
}

TEST(a_large_area_comes_by_2_mib_as_far_as_they_are_its_own_and_in_one_piece) {
    start();
    uintptr_t first = BASE + LARGE_PAGE_SIZE - PAGE_SIZE, last = BASE + 2 * LARGE_PAGE_SIZE + PAGE_SIZE;
    CHECK(address_space_add(&space, first, last - first, true));
    size_t size;
    touch(first); // Its 2 MiB are not all the area's.
    CHECK(entry_of(first, &size) && size == PAGE_SIZE);
    touch(BASE + LARGE_PAGE_SIZE + 12345);
    CHECK(entry_of(BASE + LARGE_PAGE_SIZE, &size) && size == LARGE_PAGE_SIZE);
    touch(last - 1);
    CHECK(entry_of(last - 1, &size) && size == PAGE_SIZE);
    CHECK_EQ(address_space_used(&space), LARGE_PAGE_SIZE + 2 * PAGE_SIZE);
    CHECK(!address_space_fault(&space, first - 1));
    drop(first, true);
    CHECK_EQ(page_reserved_count() + reachable() - 2, address_space_cost(last - first));

    // A small page is there already.
    CHECK(address_space_add(&space, BASE + GIB, LARGE_PAGE_SIZE / 2, true));
    touch(BASE + GIB);
    CHECK(entry_of(BASE + GIB, &size) && size == PAGE_SIZE);
    end_and_check_all_is_given_back();
}

TEST(a_large_area_comes_by_pages_where_memory_is_in_pieces) {
    start();
    take_the_rest();
    size_t kept = 0;
    for (size_t i = 0; i < taken_count; ++i) {
        if (taken[i] % LARGE_PAGE_SIZE == LARGE_PAGE_SIZE / 2) {
            taken[kept++] = taken[i];
        } else {
            page_free(taken[i], 0);
        }
    }
    CHECK_EQ(kept, WORLD_RAM / LARGE_PAGE_SIZE); // No 2 MiB are free.
    taken_count = kept;
    CHECK(address_space_add(&space, BASE, LARGE_PAGE_SIZE, true));
    touch(BASE + 7 * PAGE_SIZE);
    CHECK_EQ(address_space_used(&space), PAGE_SIZE);
    touch_all(BASE, LARGE_PAGE_SIZE);
    CHECK_EQ(address_space_used(&space), LARGE_PAGE_SIZE);
    give_the_rest_back();
    end_and_check_all_is_given_back();
}

TEST(what_is_dropped_is_given_back_and_its_promise_only_where_the_area_stays) {
    for (unsigned large = 0; large < 2; ++large) {
        if (!space.root) {
            start();
        }
        size_t size = LARGE_PAGE_SIZE + 7 * PAGE_SIZE, cost = address_space_cost(size);
        CHECK(address_space_add(&space, BASE, size, large));
        CHECK_EQ(page_reserved_count(), cost);
        touch_all(BASE, size);
        unsigned before = flushes;
        drop(BASE, true);
        CHECK(flushes > before);
        CHECK_EQ(flushed, space.cr3);
        CHECK_EQ(address_space_area_end(&space, BASE), BASE + size);
        reached_t left = reach_all();
        CHECK_EQ(left.pages, 0);
        CHECK_EQ(left.tables, 2 + 2); // The root's, and a directory and what points to it.
        CHECK_EQ(page_reserved_count(), cost - 2);
        touch(BASE + 3 * PAGE_SIZE);
        drop(BASE, false);
        CHECK_EQ(address_space_area_end(&space, BASE), 0);
        CHECK(!address_space_fault(&space, BASE));
        CHECK_EQ(address_space_used(&space), 0);
        CHECK_EQ(page_reserved_count(), 0);
        CHECK_EQ(pages_used(), 2 + 2);
        end_and_check_all_is_given_back();
        CHECK(address_space_init(&space));
    }
}

TEST(nothing_but_the_area_is_dropped) {
    start();
    static const uintptr_t others[] = { BASE, BASE + 2 * LARGE_PAGE_SIZE, BASE + GIB, WINDOW_HEAP, AREA_BASE };
    uintptr_t between = BASE + LARGE_PAGE_SIZE;
    for (unsigned i = 0; i < 5; ++i) {
        CHECK(address_space_add(&space, others[i], 3 * PAGE_SIZE, false));
        touch_all(others[i], 3 * PAGE_SIZE);
    }
    for (unsigned keep = 2; keep--;) {
        CHECK(address_space_add(&space, between, LARGE_PAGE_SIZE, true));
        touch(between);
        drop(between, keep);
        for (unsigned i = 0; i < 5; ++i) {
            touch_all(others[i], 3 * PAGE_SIZE); // Their content is as it was.
        }
        if (keep) {
            drop(between, false);
        }
    }
    drop(between, false); // No area: nothing happens.
    CHECK_EQ(address_space_used(&space), 15 * PAGE_SIZE);
    end_and_check_all_is_given_back();
}

TEST(an_area_that_nobody_touched_is_dropped_without_a_flush) {
    start();
    CHECK(address_space_add(&space, BASE, WORLD_RAM / 2, false));
    unsigned before = flushes;
    drop(BASE, true);
    CHECK_EQ(flushes, before);
    CHECK_EQ(page_reserved_count(), address_space_cost(WORLD_RAM / 2));
    drop(BASE, false);
    CHECK_EQ(page_reserved_count(), 0);
    end_and_check_all_is_given_back();
}

TEST(what_lies_behind_a_large_hole_is_dropped_too) {
    start();
    uintptr_t first = BASE + GIB - LARGE_PAGE_SIZE;
    CHECK(address_space_add(&space, first, 2 * LARGE_PAGE_SIZE, false));
    touch(BASE + GIB); // Below it is a hole of 1 GiB, which ends here.
    drop(first, true);
    CHECK_EQ(address_space_used(&space), 0);
    CHECK(!is_touched(BASE + GIB));
    end_and_check_all_is_given_back();
}

static uint64_t take_any(page_source_t *self) {
    (void)self;
    return page_alloc(0);
}

TEST(a_page_of_no_area_is_not_renewed_but_goes_with_the_address_space) {
    start();
    page_source_t any = { take_any };
    CHECK(paging_map_page(space.root, WINDOW_EXEC, page_alloc(0), MAP_EXECUTE, &any));
    renew(WINDOW_EXEC, WINDOW_EXEC + PAGE_SIZE);
    drop(WINDOW_EXEC, false);
    CHECK(is_touched(WINDOW_EXEC));
    end_and_check_all_is_given_back();
}

TEST(pages_that_are_renewed_are_zero_and_promised_again) {
    start();
    size_t size = 2 * ADDRESS_SPACE_RENEWED * PAGE_SIZE;
    uintptr_t middle = BASE + size / 2;
    CHECK(address_space_add(&space, BASE, size, false));
    touch_all(BASE, size);
    take_the_rest();
    size_t reserved = page_reserved_count();
    unsigned before = flushes;
    renew(BASE, middle);
    CHECK(flushes > before);
    CHECK_EQ(flushed, space.cr3);
    CHECK_EQ(page_reserved_count(), reserved + ADDRESS_SPACE_RENEWED);
    CHECK_EQ(address_space_used(&space), size / 2);
    CHECK_EQ(page_alloc(0), 0);
    CHECK(!is_touched(middle - PAGE_SIZE) && is_touched(middle));
    touch_all(BASE, size);
    // Some are there, others are not.
    renew(BASE + PAGE_SIZE, BASE + 2 * PAGE_SIZE);
    renew(BASE, middle);
    renew(BASE, middle);
    renew(middle - PAGE_SIZE, middle + PAGE_SIZE);
    CHECK_EQ(address_space_used(&space), size / 2 - PAGE_SIZE);
    touch_all(BASE, size);
    // Not more than the area has, or than is said.
    renew(BASE + size - PAGE_SIZE, BASE + size + PAGE_SIZE);
    CHECK_EQ(address_space_used(&space), size - PAGE_SIZE);
    renew(BASE, BASE + size);
    CHECK_EQ(address_space_used(&space), size - (1 + ADDRESS_SPACE_RENEWED) * PAGE_SIZE);
    renew(BASE + size, BASE + size + PAGE_SIZE); // No area.
    give_the_rest_back();
    end_and_check_all_is_given_back();
}

static uintptr_t hole_for(size_t size) {
    return address_space_find_hole(&space, BASE, BASE + 8 * LARGE_PAGE_SIZE, size);
}

TEST(the_lowest_hole_that_is_large_enough_is_found) {
    start();
    CHECK_EQ(hole_for(PAGE_SIZE), BASE);
    CHECK_EQ(hole_for(8 * LARGE_PAGE_SIZE), BASE);
    CHECK_EQ(hole_for(8 * LARGE_PAGE_SIZE + PAGE_SIZE), 0);
    CHECK_EQ(hole_for(SIZE_MAX & ~(size_t)(PAGE_SIZE - 1)), 0);
    CHECK(address_space_add(&space, BASE, PAGE_SIZE, false));
    CHECK(address_space_add(&space, BASE + 3 * LARGE_PAGE_SIZE, PAGE_SIZE, false));
    CHECK(address_space_add(&space, BASE + 4 * LARGE_PAGE_SIZE, LARGE_PAGE_SIZE, true));
    CHECK_EQ(hole_for(PAGE_SIZE), BASE + LARGE_PAGE_SIZE); // Not beside it under one table.
    CHECK_EQ(hole_for(2 * LARGE_PAGE_SIZE), BASE + LARGE_PAGE_SIZE);
    CHECK_EQ(hole_for(2 * LARGE_PAGE_SIZE + PAGE_SIZE), BASE + 5 * LARGE_PAGE_SIZE);
    CHECK_EQ(hole_for(3 * LARGE_PAGE_SIZE), BASE + 5 * LARGE_PAGE_SIZE);
    CHECK_EQ(hole_for(3 * LARGE_PAGE_SIZE + PAGE_SIZE), 0);
    // Areas elsewhere do not matter.
    CHECK(address_space_add(&space, WINDOW_HEAP, PAGE_SIZE, false));
    CHECK(address_space_add(&space, BASE + 8 * LARGE_PAGE_SIZE, PAGE_SIZE, false));
    CHECK_EQ(hole_for(3 * LARGE_PAGE_SIZE), BASE + 5 * LARGE_PAGE_SIZE);
    CHECK_EQ(address_space_find_area(&space, BASE, BASE + LARGE_PAGE_SIZE), BASE);
    uintptr_t second = BASE + 3 * LARGE_PAGE_SIZE;
    CHECK_EQ(address_space_find_area(&space, BASE + PAGE_SIZE, second), 0);
    CHECK_EQ(address_space_find_area(&space, BASE + PAGE_SIZE, second + 1), second);
    drop(BASE, false);
    CHECK_EQ(hole_for(3 * LARGE_PAGE_SIZE), BASE);
    end_and_check_all_is_given_back();
}

/* As stacks do, which leave a gap below them. */
TEST(a_hole_ends_before_the_table_of_an_area_that_begins_in_the_middle_of_it) {
    start();
    size_t gap = LARGE_PAGE_SIZE / 8;
    uintptr_t upper = BASE + LARGE_PAGE_SIZE + gap;
    CHECK(address_space_add(&space, upper, 4 * PAGE_SIZE, false));
    touch_all(upper, 4 * PAGE_SIZE);
    CHECK_EQ(hole_for(LARGE_PAGE_SIZE), BASE);
    CHECK_EQ(hole_for(LARGE_PAGE_SIZE + gap), BASE + 2 * LARGE_PAGE_SIZE);
    CHECK_EQ(hole_for(LARGE_PAGE_SIZE + PAGE_SIZE), BASE + 2 * LARGE_PAGE_SIZE);
    end_and_check_all_is_given_back();
}

TEST(there_are_as_many_areas_as_memory_allows) {
    start();
    enum { AREAS = 3 * AREAS_PER_BLOCK };
    static uintptr_t areas[AREAS];
    for (unsigned i = 0; i < AREAS; ++i) {
        areas[i] = address_space_find_hole(&space, AREA_BASE, STACKS_BASE, PAGE_SIZE);
        CHECK_EQ(areas[i], AREA_BASE + (uintptr_t)i * LARGE_PAGE_SIZE);
        CHECK(address_space_add(&space, areas[i], PAGE_SIZE, false));
        touch(areas[i]);
    }
    CHECK_EQ(pages_used() - reachable(), 2); // Two blocks beside the first.
    for (unsigned i = 0; i < AREAS; ++i) {
        CHECK_EQ(address_space_area_end(&space, areas[i]), areas[i] + PAGE_SIZE);
        CHECK_EQ(address_space_find_area(&space, areas[i], areas[i] + 1), areas[i]);
    }

    // All slots are taken: another block is wanted.
    size_t cost = address_space_cost(PAGE_SIZE), reserved = page_reserved_count(), used = pages_used();
    uintptr_t next = AREA_BASE + (uintptr_t)AREAS * LARGE_PAGE_SIZE;
    size_t others = page_available_count() - cost;
    CHECK(page_reserve(others));
    CHECK(!address_space_add(&space, next, PAGE_SIZE, false));
    CHECK_EQ(page_reserved_count(), reserved + others);
    CHECK_EQ(pages_used(), used);
    page_unreserve(1);
    CHECK(address_space_add(&space, next, PAGE_SIZE, false));
    CHECK_EQ(page_available_count(), 0);
    touch(next);
    page_unreserve(others - 1);
    drop(next, false);

    // A slot that was left is used again.
    used = pages_used();
    for (unsigned i = 0; i < AREAS; i += 7) {
        drop(areas[i], false);
    }
    for (unsigned i = 0; i < AREAS; i += 7) {
        CHECK_EQ(address_space_find_hole(&space, AREA_BASE, STACKS_BASE, PAGE_SIZE), areas[i]);
        CHECK(address_space_add(&space, areas[i], PAGE_SIZE, false));
    }
    for (unsigned i = 0; i < AREAS; ++i) {
        touch(areas[i]);
    }
    CHECK_EQ(pages_used(), used);
    CHECK_EQ(address_space_used(&space), AREAS * PAGE_SIZE);
    end_and_check_all_is_given_back();
    CHECK(!space.areas.next);
}

TEST(what_all_share_is_forgotten_by_all) {
    start();
    end();
    memset(&space, 0, sizeof(space));
    address_space_share(&space);
    CHECK(address_space_add(&space, SHARED_BASE, LARGE_PAGE_SIZE + PAGE_SIZE, true));
    touch(SHARED_BASE);
    touch(SHARED_BASE + LARGE_PAGE_SIZE);
    flushed = 1;
    drop(SHARED_BASE, false);
    CHECK_EQ(flushed, 0);
    CHECK_EQ(page_reserved_count(), 0);
    CHECK_EQ(pages_used(), 2); // The upper tables stay.
    CHECK_EQ(reachable(), 2);
}

TEST(that_of_the_boot_has_the_boot_s_tables_and_a_pcid) {
    start();
    address_space_t boot = { 0 };
    address_space_adopt(&boot);
    CHECK(boot.root == boot_pml4);
    CHECK_EQ(boot.cr3 & ~(uint64_t)CR3_PCID, paging_cr3(boot_pml4));
    CHECK((boot.cr3 & CR3_PCID) && boot.cr3 != space.cr3);
}

/* A random walk beside a model: for each area, what it was charged for. */

#define MOST_AREAS 100
#define MOST_PAGES (3 * LARGE_PAGE_SIZE / PAGE_SIZE)
#define STEPS 6000

static struct {
    uintptr_t start;
    size_t pages, tables; // Tables that it has paid for.
    bool touched[MOST_PAGES];
} areas[MOST_AREAS];

static size_t touched_in(unsigned i) {
    size_t count = 0;
    for (size_t page = 0; page < areas[i].pages; ++page) {
        count += areas[i].touched[page];
    }
    return count;
}

static void check_all(void) {
    size_t touched = 0, promised = 0;
    for (unsigned i = 0; i < MOST_AREAS; ++i) {
        if (areas[i].pages) {
            size_t here = touched_in(i);
            touched += here;
            promised += address_space_cost(areas[i].pages * PAGE_SIZE) - here - areas[i].tables;
        }
    }
    reached_t reached = reach_all();
    CHECK_EQ(reached.pages, touched);
    CHECK_EQ(page_reserved_count(), promised);
    CHECK_EQ(address_space_used(&space), touched * PAGE_SIZE);
    CHECK(pages_used() - reached.tables - reached.pages <= MOST_AREAS / AREAS_PER_BLOCK);
}

static void add_one(unsigned i) {
    static const uintptr_t regions[][2] = {
        { WINDOW_HEAP, WINDOW_HEAP_END },
        { BASE + GIB - LARGE_PAGE_SIZE, HEAP_EXTENSION_END },
        { STACKS_BASE, AREA_END },
    };
    const uintptr_t *region = regions[world_random() % 3];
    size_t pages = 1 + world_random() % (world_random() % 4 ? 20 : MOST_PAGES);
    size_t gap = world_random() % 3 * 0x40000;
    bool large = world_random() % 2;
    uintptr_t at = address_space_find_hole(&space, region[0], region[1], gap + pages * PAGE_SIZE);
    CHECK(at);
    size_t available = page_available_count(), cost = address_space_cost(pages * PAGE_SIZE);
    if (address_space_add(&space, at + gap, pages * PAGE_SIZE, large)) {
        areas[i].start = at + gap;
        areas[i].pages = pages;
        areas[i].tables = 0;
        memset(areas[i].touched, 0, sizeof(areas[i].touched));
    } else {
        CHECK(available < cost + 1);
        CHECK_EQ(page_available_count(), available);
    }
}

static void touch_one(unsigned i) {
    size_t page = world_random() % areas[i].pages;
    size_t tables = reach_all().tables;
    uintptr_t at = areas[i].start + page * PAGE_SIZE;
    CHECK_EQ(is_touched(at), areas[i].touched[page]);
    touch(at + world_random() % PAGE_SIZE);
    areas[i].tables += reach_all().tables - tables;
    size_t size;
    entry_of(at, &size);
    at &= ~(size - 1);
    CHECK(at >= areas[i].start && at + size <= areas[i].start + areas[i].pages * PAGE_SIZE);
    for (uintptr_t end = at + size; at < end; at += PAGE_SIZE) {
        areas[i].touched[(at - areas[i].start) / PAGE_SIZE] = true;
    }
}

static void drop_one(unsigned i, bool keep) {
    size_t tables = reach_all().tables;
    drop(areas[i].start, keep);
    areas[i].tables -= keep ? tables - reach_all().tables : 0;
    areas[i].pages = keep ? areas[i].pages : 0;
    memset(areas[i].touched, 0, sizeof(areas[i].touched));
}

static void renew_one(unsigned i) {
    size_t first = world_random() % areas[i].pages;
    size_t end = first + 1 + world_random() % ADDRESS_SPACE_RENEWED;
    end = end < areas[i].pages ? end : areas[i].pages;
    renew(areas[i].start + first * PAGE_SIZE, areas[i].start + end * PAGE_SIZE);
    for (; first < end; ++first) {
        size_t size; // A page of 2 MiB stays.
        areas[i].touched[first] = entry_of(areas[i].start + first * PAGE_SIZE, &size) && size > PAGE_SIZE;
    }
}

static void check_content(unsigned i) {
    for (size_t page = 0; page < areas[i].pages; ++page) {
        uintptr_t at = areas[i].start + page * PAGE_SIZE;
        CHECK_EQ(is_touched(at), areas[i].touched[page]);
        CHECK(!areas[i].touched[page] || *word_of(at) == at);
    }
}

static void step(void) {
    unsigned i = world_random() % MOST_AREAS, choice = world_random() % 64;
    if (!areas[i].pages) {
        add_one(i);
    } else if (choice < 50) {
        touch_one(i);
    } else if (choice < 56) {
        renew_one(i);
    } else {
        drop_one(i, choice < 60);
    }
    check_content(world_random() % MOST_AREAS);
    check_all();
}

TEST(areas_agree_with_a_model) {
    start();
    for (unsigned round = 0; round < 3; ++round) {
        for (unsigned i = 0; i < STEPS; ++i) {
            step();
        }
        end_and_check_all_is_given_back();
        memset(areas, 0, sizeof(areas));
        CHECK(address_space_init(&space));
    }
}
