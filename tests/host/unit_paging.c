/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Page tables. They lie in an arena that stands for RAM: physical addresses are offsets into it. */
#include <sys/mman.h>

#include "boot/cpu.h"
#include "boot/paging.h"

#include "tests/host/boot_tables.h"
#include "tests/host/unit.h"

#define RAM_PAGES 2048
#define MIB (1ull << 20)
#define GIB (1ull << 30)

static bool has_gigabyte_pages;
static uint64_t cr3;
static uintptr_t forgotten; // What invlpg() was told last.
static unsigned forgotten_count;

struct cpuid cpuid(uint32_t leaf, uint32_t subleaf) {
    (void)subleaf;
    CHECK_EQ(leaf, 0x80000001);
    return (struct cpuid) { .edx = has_gigabyte_pages ? 1u << 26 : 0 };
}

void invlpg(uintptr_t virt) {
    forgotten = virt;
    ++forgotten_count;
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
    CHECK_EQ(paddr & (((uint64_t)PAGE_SIZE << order) - 1), 0);
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

static void start_memory(void) {
    void *base = (void *)DIRECT_MAP_BASE;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
    CHECK(mmap(base, RAM_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE, flags, -1, 0) == base);
    memset(base, 0xa5, RAM_PAGES * PAGE_SIZE);
    left = RAM_PAGES - 1;
}

static uint64_t *start(void) {
    start_memory();
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
    unsigned before = forgotten_count;
    CHECK_EQ(paging_unmap(root, WINDOW_HEAP), 0);
    CHECK_EQ(paging_unmap(root, AREA_BASE), 0);
    CHECK_EQ(forgotten_count, before);
    check_entry(root, WINDOW_HEAP, 0, PAGE_SIZE);
}

TEST(a_large_page_is_one_and_is_taken_out_as_one) {
    uint64_t *root = start();
    CHECK(paging_map_large_page(root, HEAP_EXTENSION_BASE, 4 * MIB, MAP_WRITE, &source));
    check_entry(root, HEAP_EXTENSION_BASE + MIB, 4 * MIB | MAP_WRITE | PTE_LARGE, LARGE_PAGE_SIZE);
    CHECK_EQ(paging_unmap(root, HEAP_EXTENSION_BASE), 0); // Of another kind.
    CHECK_EQ(paging_remove_table(root, HEAP_EXTENSION_BASE), 0);
    CHECK(!paging_map_page(root, HEAP_EXTENSION_BASE, 0x5000, MAP_WRITE, &source)); // No table there.
    CHECK_EQ(paging_rights(root, HEAP_EXTENSION_BASE), PTE_WRITABLE | PTE_NX); // What lies in it is no table.
    forgotten = 0;
    CHECK_EQ(paging_unmap_large(root, HEAP_EXTENSION_BASE), 4 * MIB);
    CHECK_EQ(forgotten, HEAP_EXTENSION_BASE);
    check_entry(root, HEAP_EXTENSION_BASE, 0, LARGE_PAGE_SIZE);
}

TEST(a_table_without_pages_is_taken_out) {
    uint64_t *root = start();
    CHECK(paging_map_page(root, WINDOW_HEAP, 0x5000, MAP_WRITE, &source));
    CHECK_EQ(paging_unmap(root, WINDOW_HEAP), 0x5000);
    forgotten = 0;
    uint64_t table = paging_remove_table(root, WINDOW_HEAP);
    CHECK_EQ(forgotten, WINDOW_HEAP);
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

TEST(a_large_page_needs_an_address_and_memory_that_are_both_aligned) {
    uint64_t *root = start();
    has_gigabyte_pages = true;
    CHECK(paging_map(root, 8 * GIB, 4 * GIB + LARGE_PAGE_SIZE, GIB, MAP_WRITE, true));
    check_entry(root, 8 * GIB, (4 * GIB + LARGE_PAGE_SIZE) | MAP_WRITE | PTE_LARGE, LARGE_PAGE_SIZE);
    CHECK(paging_map(root, 16 * GIB + LARGE_PAGE_SIZE, 4 * GIB, GIB, MAP_WRITE, true));
    check_entry(root, 17 * GIB, (5 * GIB - LARGE_PAGE_SIZE) | MAP_WRITE | PTE_LARGE, LARGE_PAGE_SIZE);
    CHECK(paging_map(root, 32 * GIB, 4 * GIB + PAGE_SIZE, LARGE_PAGE_SIZE, MAP_WRITE, true));
    check_entry(root, 32 * GIB, (4 * GIB + PAGE_SIZE) | MAP_WRITE, PAGE_SIZE);
    CHECK(paging_map(root, 64 * GIB + PAGE_SIZE, 4 * GIB, LARGE_PAGE_SIZE, MAP_WRITE, true));
    check_entry(root, 64 * GIB + LARGE_PAGE_SIZE, (4 * GIB + LARGE_PAGE_SIZE - PAGE_SIZE) | MAP_WRITE, PAGE_SIZE);
}

TEST(what_is_replaced_is_forgotten) {
    uint64_t *root = start();
    CHECK(paging_map(root, WINDOW_HEAP, 0x5000, PAGE_SIZE, MAP_WRITE, false));
    CHECK_EQ(forgotten_count, 0); // Nothing was there: it costs an exit, perhaps.
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

TEST(a_range_that_lacks_a_table_leaves_what_was_there) {
    uint64_t *root = start();
    CHECK(paging_map(root, WINDOW_HEAP - PAGE_SIZE, 0x5000, PAGE_SIZE, MAP_WRITE, false));
    CHECK(paging_map(root, AREA_BASE, 0x6000, PAGE_SIZE, MAP_READ_ONLY, false));
    left = 0;
    CHECK(!paging_map(root, WINDOW_HEAP - PAGE_SIZE, 0x5000, 2 * PAGE_SIZE, MAP_WRITE, false));
    check_entry(root, WINDOW_HEAP - PAGE_SIZE, 0x5000 | MAP_WRITE, PAGE_SIZE);
    check_entry(root, WINDOW_HEAP, 0, LARGE_PAGE_SIZE);
    CHECK(!paging_map_large_page(root, HEAP_EXTENSION_BASE, 4 * MIB, MAP_WRITE, &source));
    check_entry(root, HEAP_EXTENSION_BASE, 0, 512 * GIB);
    check_entry(root, AREA_BASE, 0x6000 | MAP_READ_ONLY, PAGE_SIZE);
    CHECK_EQ(paging_new_page(), 0);
    CHECK(paging_map(root, AREA_BASE, 0x7000, PAGE_SIZE, MAP_WRITE, false)); // It needs none.
}

TEST(an_address_is_canonical_where_its_upper_17_bits_are_the_same) {
    CHECK(paging_is_canonical(0));
    CHECK(paging_is_canonical((1ull << 47) - 1));
    CHECK(!paging_is_canonical(1ull << 47));
    CHECK(!paging_is_canonical(1ull << 63));
    CHECK(!paging_is_canonical(0xffff7fffffffffff));
    CHECK(paging_is_canonical(0xffff800000000000));
    CHECK(paging_is_canonical(UINT64_MAX));
}

TEST(cr3_is_physical) {
    uint64_t *root = start();
    CHECK_EQ(paging_cr3(root), virt_to_phys(root));
    CHECK_EQ(paging_cr3((uint64_t *)0x200000), 0x200000); // In the image.
    CHECK(paging_boot_root() == boot_pml4);
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
    CHECK(!paging_readable(1ull << 47, 1)); // Not what the tables seem to have there.
    CHECK(paging_map_large_page(root, HEAP_EXTENSION_BASE, 4 * MIB, MAP_WRITE, &source));
    uintptr_t end = HEAP_EXTENSION_BASE + LARGE_PAGE_SIZE;
    CHECK(paging_readable(HEAP_EXTENSION_BASE + PAGE_SIZE, LARGE_PAGE_SIZE - PAGE_SIZE));
    CHECK(!paging_readable(HEAP_EXTENSION_BASE + PAGE_SIZE, LARGE_PAGE_SIZE - PAGE_SIZE + 1));
    CHECK(paging_map_page(root, end, 0x5000, MAP_WRITE, &source));
    CHECK(paging_readable(end - 1, PAGE_SIZE + 1));
    CHECK(!paging_readable(end - 1, PAGE_SIZE + 2));
}

#define PLACES 64

static uint32_t random_state = 1;

static uint32_t random_below(uint32_t limit) {
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % limit;
}

static uintptr_t place(unsigned i) {
    static const uintptr_t regions[] = { WINDOW_DATA, WINDOW_HEAP, HEAP_EXTENSION_BASE, STACKS_BASE };
    return regions[i % 4] + (uintptr_t)(i / 8) * LARGE_PAGE_SIZE * (i % 3 + 1) + i % 8 * PAGE_SIZE;
}

/* A random walk beside a model of what has to be there: places of 2 MiB, each with a large page, or a table with
 * pages, of which the first few are used. */

#define LARGE_PLACES 24
#define PAGES_EACH 8
#define STEPS 60000

static struct {
    uint64_t large;
    bool table;
    uint64_t page[PAGES_EACH];
} model[LARGE_PLACES];

static uintptr_t large_place(unsigned i) {
    static const uintptr_t regions[] = { WINDOW_HEAP, HEAP_EXTENSION_BASE + GIB - 4 * MIB, STACKS_BASE };
    return regions[i % 3] + (uintptr_t)(i / 3) * LARGE_PAGE_SIZE;
}

static uint64_t any_rights(void) {
    static const uint64_t rights[] = { MAP_READ_ONLY, MAP_EXECUTE, MAP_WRITE, MAP_DEVICE };
    return rights[random_below(4)];
}

static uint64_t any_memory(size_t size) {
    return (uint64_t)(1000 + random_below(1 << 20)) * size;
}

static bool table_is_empty(unsigned i) {
    for (unsigned page = 0; page < PAGES_EACH; ++page) {
        if (model[i].page[page]) {
            return false;
        }
    }
    return true;
}

static void step_large(uint64_t *root, unsigned i) {
    uintptr_t virt = large_place(i);
    uint64_t was = model[i].large & PTE_ADDRESS;
    if (random_below(2)) {
        CHECK_EQ(paging_unmap_large(root, virt), was);
        model[i].large = 0;
    } else if (model[i].table && table_is_empty(i)) {
        uint64_t table = paging_remove_table(root, virt);
        CHECK(table);
        give_back(table, 0);
        model[i].table = false;
    } else if (!model[i].table) {
        CHECK_EQ(paging_remove_table(root, virt), 0);
        uint64_t paddr = any_memory(LARGE_PAGE_SIZE), rights = any_rights();
        CHECK(paging_map_large_page(root, virt, paddr, rights, &source));
        model[i].large = paddr | rights | PTE_LARGE;
    }
}

static void step_small(uint64_t *root, unsigned i, unsigned page) {
    uintptr_t virt = large_place(i) + page * PAGE_SIZE;
    uint64_t paddr = any_memory(PAGE_SIZE), rights = any_rights();
    if (random_below(2)) {
        CHECK_EQ(paging_unmap(root, virt), model[i].page[page] & PTE_ADDRESS);
        model[i].page[page] = 0;
    } else if (random_below(2)) {
        CHECK_EQ(paging_map_page(root, virt, paddr, rights, &source), !model[i].large);
        model[i].page[page] = model[i].large ? 0 : paddr | rights;
        model[i].table = !model[i].large;
    } else {
        size_t count = 1 + random_below(PAGES_EACH - page);
        CHECK_EQ(paging_map(root, virt, paddr, count * PAGE_SIZE, rights, random_below(2)), !model[i].large);
        for (size_t n = 0; n < count && !model[i].large; ++n) {
            model[i].page[page + n] = (paddr + n * PAGE_SIZE) | rights;
            model[i].table = true;
        }
    }
}

static void check_place(uint64_t *root, unsigned i, unsigned page) {
    uintptr_t virt = large_place(i) + page * PAGE_SIZE;
    uint64_t expected = model[i].table ? model[i].page[page] : model[i].large;
    size_t size;
    CHECK_EQ(paging_lookup(root, virt + random_below(PAGE_SIZE), &size), expected);
    CHECK(model[i].table ? size == PAGE_SIZE : model[i].large ? size == LARGE_PAGE_SIZE : size >= LARGE_PAGE_SIZE);
    CHECK(!expected || paging_rights(root, virt) == (expected & (PTE_WRITABLE | PTE_NX)));
}

TEST(mapping_and_unmapping_agree_with_a_model) {
    uint64_t *root = start();
    for (unsigned step = 0; step < STEPS; ++step) {
        unsigned i = random_below(LARGE_PLACES);
        if (random_below(4)) {
            step_small(root, i, random_below(PAGES_EACH));
        } else {
            step_large(root, i);
        }
        check_place(root, i, random_below(PAGES_EACH));
        check_place(root, random_below(LARGE_PLACES), random_below(PAGES_EACH));
    }
    for (unsigned i = 0; i < LARGE_PLACES; ++i) {
        CHECK_EQ(paging_unmap_large(root, large_place(i)), model[i].large & PTE_ADDRESS);
        for (unsigned page = 0; page < PAGES_EACH; ++page) {
            uint64_t paddr = paging_unmap(root, large_place(i) + page * PAGE_SIZE);
            CHECK_EQ(paddr, model[i].page[page] & PTE_ADDRESS);
        }
    }
    paging_free_root(root, give_back);
    CHECK_EQ(taken(), 0);
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

TEST(a_root_gives_back_large_pages_as_such_and_what_is_at_the_end_of_its_half) {
    uint64_t *root = start();
    uint64_t large = 4 * MIB;
    memset(&is_taken[large / PAGE_SIZE], true, 512);
    left -= 512;
    CHECK(paging_map_large_page(root, HEAP_EXTENSION_BASE, large, MAP_WRITE, &source));
    CHECK(paging_map_page(root, (1ull << 47) - PAGE_SIZE, take(&source), MAP_WRITE, &source));
    CHECK(paging_map_page(root, IMAGE_LIMIT, take(&source), MAP_WRITE, &source));
    paging_free_root(root, give_back);
    CHECK_EQ(taken(), 0);
}

/* What the boot makes. */

static void check_image(const uint8_t *at, uint64_t rights) {
    uint64_t entry = rights ? (uintptr_t)at | rights | PTE_GLOBAL : 0;
    check_entry(boot_pml4, (uintptr_t)at + IMAGE_LIMIT, entry, PAGE_SIZE);
}

TEST(each_part_of_the_image_has_its_rights) {
    extern const uint8_t image_start[], rodata_start[], data_start[], boot_stack_guard[], boot_stack[];
    start_memory();
    boot_pdpt_low[0] = 0x2000 | PTE_PRESENT;
    boot_pdpt_low[1] = 0x3000 | PTE_PRESENT;
    paging_init(&source);
    check_image(image_start, MAP_EXECUTE);
    check_image(rodata_start, MAP_READ_ONLY);
    check_image(data_start, MAP_WRITE);
    check_image(boot_stack_guard, 0);
    check_image(boot_stack, MAP_WRITE);
    check_image(boot_stack + PAGE_SIZE, 0);
    CHECK_EQ(boot_pdpt_low[0], 0x3000 | PTE_PRESENT); // Moved down.
    CHECK_EQ(boot_pdpt_low[1], 0);
    CHECK_EQ(cr3, (uintptr_t)boot_pml4);
}

TEST(memory_beyond_the_first_gib_is_mapped_by_large_pages) {
    start();
    uintptr_t base = DIRECT_MAP_BASE + GIB;
    size_t before = taken();
    CHECK(paging_map_direct(0, GIB)); // By boot/pvh.S.
    CHECK_EQ(taken(), before);
    CHECK(paging_map_direct(GIB / 2, GIB + LARGE_PAGE_SIZE + PAGE_SIZE));
    check_entry(boot_pml4, base, GIB | MAP_WRITE | PTE_GLOBAL | PTE_LARGE, LARGE_PAGE_SIZE);
    check_entry(boot_pml4, base + LARGE_PAGE_SIZE, (GIB + LARGE_PAGE_SIZE) | MAP_WRITE | PTE_GLOBAL, PAGE_SIZE);
    check_entry(boot_pml4, base + LARGE_PAGE_SIZE + PAGE_SIZE, 0, PAGE_SIZE);
    size_t size;
    CHECK_EQ(paging_lookup(boot_pml4, base - LARGE_PAGE_SIZE, &size), 0);
    left = 0;
    CHECK(!paging_map_direct(8 * GIB, 9 * GIB));
}

static void make_first_gib(void) {
    for (uint64_t i = 0; i < 512; ++i) {
        boot_pd[i] = i * LARGE_PAGE_SIZE | MAP_WRITE | PTE_LARGE | PTE_GLOBAL;
    }
}

static void check_first_gib(unsigned large, unsigned pages) {
    for (uint64_t i = 0; i < large; ++i) {
        CHECK_EQ(boot_pd[i], i * LARGE_PAGE_SIZE | MAP_WRITE | PTE_LARGE | PTE_GLOBAL);
    }
    if (pages) {
        CHECK_EQ(boot_pd[large] & ~PTE_ADDRESS, PTE_PRESENT | PTE_WRITABLE);
        const uint64_t *table = phys_to_virt(boot_pd[large] & PTE_ADDRESS);
        for (uint64_t i = 0; i < 512; ++i) {
            uint64_t paddr = large * (uint64_t)LARGE_PAGE_SIZE + i * PAGE_SIZE;
            CHECK_EQ(table[i], i < pages ? paddr | MAP_WRITE | PTE_GLOBAL : 0);
        }
    }
    for (unsigned i = large + !!pages; i < 512; ++i) {
        CHECK_EQ(boot_pd[i], 0);
    }
}

TEST(the_first_gib_ends_where_memory_does) {
    start();
    make_first_gib();
    size_t before = taken();
    unsigned forgotten_before = forgotten_count;
    CHECK(paging_trim_direct(GIB));
    CHECK(paging_trim_direct(4 * GIB));
    check_first_gib(512, 0);
    CHECK_EQ(forgotten_count, forgotten_before);
    CHECK(paging_trim_direct(64 * MIB));
    check_first_gib(32, 0);
    CHECK_EQ(taken(), before); // No table is needed.
    CHECK_EQ(forgotten, DIRECT_MAP_BASE + 64 * MIB);
    CHECK(paging_trim_direct(6 * MIB + 3 * PAGE_SIZE));
    check_first_gib(3, 3);
    CHECK_EQ(taken(), before + 1);
    CHECK_EQ(forgotten, DIRECT_MAP_BASE + 6 * MIB);
    make_first_gib();
    left = 0;
    CHECK(!paging_trim_direct(6 * MIB + 3 * PAGE_SIZE));
    check_first_gib(512, 0);
}
