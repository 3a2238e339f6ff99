/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Page tables. They lie in an arena that stands for RAM: physical addresses are offsets into it. */
#include <sys/mman.h>

#include "boot/cpu.h"
#include "boot/paging.h"

#include "tests/host/boot_tables.h"
#include "tests/host/unit.h"

#define RAM_PAGES 512
#define MIB (1ull << 20)
#define GIB (1ull << 30)

static bool has_gigabyte_pages;
static uint64_t cr3;
static uintptr_t forgotten; // What invlpg() was told last.

struct cpuid cpuid(uint32_t leaf, uint32_t subleaf) {
    (void)subleaf;
    CHECK_EQ(leaf, 0x80000001);
    return (struct cpuid) { .edx = has_gigabyte_pages ? 1u << 26 : 0 };
}

void invlpg(uintptr_t virt) {
    forgotten = virt;
}

uint64_t read_cr3(void) {
    return cr3;
}

void write_cr3(uint64_t value) {
    cr3 = value;
}

/* Pages of RAM. 0 is nobody's, as in the machine. */
static bool is_taken[RAM_PAGES];
static size_t left;

static uint64_t take(page_source_t *self) {
    (void)self;
    for (size_t i = 1; left && i < RAM_PAGES; ++i) {
        if (!is_taken[i]) {
            is_taken[i] = true;
            --left;
            return i * PAGE_SIZE;
        }
    }
    return 0;
}

static void give_back(uint64_t paddr, unsigned order) {
    for (size_t i = paddr / PAGE_SIZE; i < paddr / PAGE_SIZE + (1u << order); ++i) {
        CHECK(i < RAM_PAGES && is_taken[i]); // Once only.
        is_taken[i] = false;
        ++left;
    }
}

static size_t taken(void) {
    return RAM_PAGES - 1 - left;
}

static page_source_t source = { take };

static uint64_t *start(void) {
    void *base = (void *)DIRECT_MAP_BASE;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
    CHECK(mmap(base, RAM_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE, flags, -1, 0) == base);
    memset(base, 0xa5, RAM_PAGES * PAGE_SIZE);
    left = RAM_PAGES - 1;
    paging_init(&source);
    boot_pdpt_low[0] = 0x1000 | PTE_PRESENT | PTE_WRITABLE;
    for (unsigned i = 256; i < 512; ++i) {
        boot_pml4[i] = (uint64_t)i << 12 | PTE_PRESENT;
    }
    memset(is_taken, 0, sizeof(is_taken));
    left = RAM_PAGES - 1;
    uint64_t root = take(&source), low = take(&source);
    return paging_new_root(root, low);
}

static void check_entry(uint64_t *root, uintptr_t virt, uint64_t entry, size_t size) {
    size_t found;
    CHECK_EQ(paging_lookup(root, virt, &found), entry);
    CHECK_EQ(found, size);
}

TEST(a_new_root_has_the_upper_half_and_the_image_of_the_boot_s) {
    uint64_t *root = start();
    CHECK(!memcmp(root + 256, boot_pml4 + 256, 256 * sizeof(*root)));
    uint64_t *low = phys_to_virt(root[0] & PTE_ADDRESS);
    CHECK_EQ(low[0], boot_pdpt_low[0]);
    for (unsigned i = 1; i < 256; ++i) {
        CHECK_EQ(root[i], 0);
        CHECK_EQ(low[i], 0);
    }
    CHECK_EQ(paging_cr3(root), PAGE_SIZE);
}

TEST(a_page_is_found_where_it_was_mapped_and_nowhere_else) {
    uint64_t *root = start();
    CHECK(paging_map_page(root, WINDOW_HEAP, 0x5000, MAP_WRITE, &source));
    check_entry(root, WINDOW_HEAP, 0x5000 | MAP_WRITE, PAGE_SIZE);
    check_entry(root, WINDOW_HEAP + PAGE_SIZE - 1, 0x5000 | MAP_WRITE, PAGE_SIZE);
    check_entry(root, WINDOW_HEAP + PAGE_SIZE, 0, PAGE_SIZE);
    check_entry(root, WINDOW_HEAP + LARGE_PAGE_SIZE, 0, LARGE_PAGE_SIZE);
    check_entry(root, GIB * 3, 0, GIB);
    check_entry(root, HEAP_EXTENSION_BASE, 0, 512 * GIB);
    CHECK_EQ(paging_unmap(root, WINDOW_HEAP), 0x5000);
    CHECK_EQ(forgotten, WINDOW_HEAP);
    CHECK_EQ(paging_unmap(root, WINDOW_HEAP), 0);
    check_entry(root, WINDOW_HEAP, 0, PAGE_SIZE);
}

TEST(a_large_page_is_one_and_is_taken_out_as_one) {
    uint64_t *root = start();
    CHECK(paging_map_large_page(root, HEAP_EXTENSION_BASE, 4 * MIB, MAP_WRITE, &source));
    check_entry(root, HEAP_EXTENSION_BASE + MIB, 4 * MIB | MAP_WRITE | PTE_LARGE, LARGE_PAGE_SIZE);
    CHECK_EQ(paging_unmap(root, HEAP_EXTENSION_BASE), 0); // Of another kind.
    CHECK_EQ(paging_remove_table(root, HEAP_EXTENSION_BASE), 0);
    CHECK(!paging_map_page(root, HEAP_EXTENSION_BASE, 0x5000, MAP_WRITE, &source)); // No table there.
    CHECK_EQ(paging_unmap_large(root, HEAP_EXTENSION_BASE), 4 * MIB);
    check_entry(root, HEAP_EXTENSION_BASE, 0, LARGE_PAGE_SIZE);
}

TEST(a_table_without_pages_is_taken_out) {
    uint64_t *root = start();
    CHECK(paging_map_page(root, WINDOW_HEAP, 0x5000, MAP_WRITE, &source));
    CHECK_EQ(paging_unmap(root, WINDOW_HEAP), 0x5000);
    uint64_t table = paging_remove_table(root, WINDOW_HEAP);
    CHECK(table && is_taken[table / PAGE_SIZE]);
    CHECK_EQ(paging_remove_table(root, WINDOW_HEAP), 0);
    check_entry(root, WINDOW_HEAP, 0, LARGE_PAGE_SIZE);
}

TEST(a_range_is_mapped_by_the_largest_pages_that_fit) {
    uint64_t *root = start();
    uintptr_t virt = 8 * GIB - LARGE_PAGE_SIZE - PAGE_SIZE;
    uint64_t paddr = 4 * GIB - LARGE_PAGE_SIZE - PAGE_SIZE;
    size_t len = GIB + LARGE_PAGE_SIZE + 2 * PAGE_SIZE;
    has_gigabyte_pages = true;
    CHECK(paging_map(root, virt, paddr, len, MAP_WRITE, true));
    check_entry(root, virt, paddr | MAP_WRITE, PAGE_SIZE);
    check_entry(root, virt + PAGE_SIZE, (paddr + PAGE_SIZE) | MAP_WRITE | PTE_LARGE, LARGE_PAGE_SIZE);
    check_entry(root, 8 * GIB, 4 * GIB | MAP_WRITE | PTE_LARGE, GIB);
    check_entry(root, 9 * GIB, 5 * GIB | MAP_WRITE, PAGE_SIZE);
    check_entry(root, 9 * GIB + PAGE_SIZE, 0, PAGE_SIZE);
    has_gigabyte_pages = false;
    CHECK(paging_map(root, 16 * GIB, 4 * GIB, GIB, MAP_WRITE, true));
    check_entry(root, 16 * GIB, 4 * GIB | MAP_WRITE | PTE_LARGE, LARGE_PAGE_SIZE);
    CHECK(paging_map(root, 32 * GIB, 0, 4 * PAGE_SIZE, MAP_READ_ONLY, false));
    check_entry(root, 32 * GIB + 3 * PAGE_SIZE, (3 * PAGE_SIZE) | MAP_READ_ONLY, PAGE_SIZE);
}

TEST(what_is_replaced_is_forgotten) {
    uint64_t *root = start();
    CHECK(paging_map(root, WINDOW_HEAP, 0x5000, PAGE_SIZE, MAP_WRITE, false));
    forgotten = 0;
    CHECK(paging_map(root, WINDOW_HEAP, 0x6000, PAGE_SIZE, MAP_READ_ONLY, false));
    CHECK_EQ(forgotten, WINDOW_HEAP);
    check_entry(root, WINDOW_HEAP, 0x6000 | MAP_READ_ONLY, PAGE_SIZE);
}

TEST(tables_leave_of_the_rights_what_all_of_them_give) {
    uint64_t *root = start();
    CHECK(paging_map_page(root, WINDOW_HEAP, 0x5000, MAP_WRITE, &source));
    CHECK(paging_map_page(root, WINDOW_EXEC, 0x6000, MAP_EXECUTE, &source));
    CHECK_EQ(paging_rights(root, WINDOW_HEAP), PTE_WRITABLE | PTE_NX);
    CHECK_EQ(paging_rights(root, WINDOW_EXEC), 0);
    root[0] &= ~(uint64_t)PTE_WRITABLE;
    root[0] |= PTE_NX;
    CHECK_EQ(paging_rights(root, WINDOW_HEAP), PTE_NX);
    CHECK_EQ(paging_rights(root, WINDOW_EXEC), PTE_NX);
}

TEST(without_pages_for_tables_nothing_is_mapped) {
    for (size_t pages = 0; pages < 3; ++pages) { // A directory pointer table, a directory, a table are wanted.
        uint64_t *root = pages ? paging_new_root(take(&source), take(&source)) : start();
        size_t all = left;
        left = pages;
        CHECK(!paging_map_page(root, HEAP_EXTENSION_BASE, 0x5000, MAP_WRITE, &source));
        CHECK(!paging_map(root, HEAP_EXTENSION_BASE, 0x5000, PAGE_SIZE, MAP_WRITE, false));
        size_t size;
        CHECK_EQ(paging_lookup(root, HEAP_EXTENSION_BASE, &size), 0);
        left = all - pages;
        CHECK(paging_map_page(root, HEAP_EXTENSION_BASE, 0x5000, MAP_WRITE, &source));
    }
}

TEST(memory_is_readable_where_every_page_of_it_is_mapped) {
    uint64_t *root = start();
    cr3 = paging_cr3(root);
    CHECK(paging_current_root() == root);
    CHECK(paging_map_page(root, WINDOW_HEAP, 0x5000, MAP_READ_ONLY, &source));
    CHECK(paging_map_page(root, WINDOW_HEAP + PAGE_SIZE, 0x9000, MAP_READ_ONLY, &source));
    CHECK(paging_readable(WINDOW_HEAP, 2 * PAGE_SIZE));
    CHECK(paging_readable(WINDOW_HEAP + 2 * PAGE_SIZE - 1, 1));
    CHECK(!paging_readable(WINDOW_HEAP, 2 * PAGE_SIZE + 1));
    CHECK(!paging_readable(WINDOW_HEAP - 1, 2));
    CHECK(!paging_readable(WINDOW_HEAP, UINTPTR_MAX));
}

/* A random walk beside a table of what has to be there. */

#define PLACES 64
#define STEPS 20000

static uint32_t random_state = 1;

static uint32_t random_below(uint32_t limit) {
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % limit;
}

static uintptr_t place(unsigned i) {
    static const uintptr_t regions[] = { WINDOW_DATA, WINDOW_HEAP, HEAP_EXTENSION_BASE, STACKS_BASE };
    return regions[i % 4] + (uintptr_t)(i / 8) * LARGE_PAGE_SIZE * (i % 3 + 1) + i % 8 * PAGE_SIZE;
}

TEST(mapping_and_unmapping_agree_with_a_model) {
    uint64_t *root = start();
    uint64_t model[PLACES] = { 0 };
    for (unsigned step = 0; step < STEPS; ++step) {
        unsigned i = random_below(PLACES);
        bool is_new = !model[i];
        for (unsigned other = 0; other < i; ++other) {
            is_new = is_new && place(other) != place(i);
        }
        if (model[i] && random_below(2)) {
            CHECK_EQ(paging_unmap(root, place(i)), model[i]);
            model[i] = 0;
        } else if (is_new) {
            model[i] = (uint64_t)(1000 + step) * PAGE_SIZE;
            CHECK(paging_map_page(root, place(i), model[i], MAP_WRITE, &source));
        }
        unsigned looked = random_below(PLACES);
        size_t size;
        if (model[looked]) {
            CHECK_EQ(paging_lookup(root, place(looked), &size), model[looked] | MAP_WRITE);
        }
    }
}

TEST(a_root_gives_back_all_that_is_its_own_once) {
    start();
    size_t before = taken();
    for (unsigned round = 0; round < 20; ++round) {
        uint64_t *root = paging_new_root(take(&source), take(&source));
        for (unsigned i = 0; i < 40; ++i) {
            uintptr_t at = place(random_below(PLACES));
            size_t size;
            if (!paging_lookup(root, at, &size)) {
                CHECK(paging_map_page(root, at, take(&source), MAP_WRITE, &source));
            }
        }
        CHECK(taken() > before + 2);
        paging_free_root(root, give_back);
        CHECK_EQ(taken(), before);
    }
    CHECK_EQ(boot_pdpt_low[0], 0x1000 | PTE_PRESENT | PTE_WRITABLE);
}
