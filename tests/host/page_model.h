/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The page allocator against a model that is too simple to be wrong: one flag a page. A
 * string of bytes, random or a fuzzer's, says what the machine looks like and what happens
 * on it. Every page that can be handed out is poisoned, so that the allocator is caught
 * when it touches one. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_PAGE_MODEL_H
#define MICROPY_INCLUDED_TESTS_HOST_PAGE_MODEL_H

#include "tests/host/page_world.h"

#define MODEL_RAM (6 * MIB)
#define MODEL_PAGES (MODEL_RAM / PAGE_SIZE)
#define MODEL_BLOCKS MODEL_PAGES

static struct {
    const uint8_t *script;
    size_t script_len;
    phys_ranges_t ram;
    phys_range_t excluded[3];
    size_t excluded_count;
    bool managed[MODEL_PAGES]; /* Pages that the allocator can hand out. */
    bool used[MODEL_PAGES];
    bool touched[MODEL_PAGES];
    size_t total, free, reserved, touched_count;
    bool cacheless; /* No cache was used so far: all free pages are with their buddies. */
    struct {
        uint64_t paddr;
        unsigned order;
    } block[MODEL_BLOCKS]; /* In use. */
    size_t blocks;
} model;

static uint8_t next_byte(void) {
    if (model.script_len == 0) {
        return 0;
    }
    model.script_len--;
    return *model.script++;
}

static unsigned next_number(unsigned limit) {
    unsigned number = next_byte();
    return (number << 8 | next_byte()) % limit;
}

/* May that page be handed out at all? */
static bool model_is_available(uint64_t paddr) {
    bool available = false;
    for (uint32_t i = 0; i < model.ram.count; i++) {
        available |= paddr >= model.ram.range[i].start && paddr < model.ram.range[i].end;
    }
    for (size_t i = 0; i < model.excluded_count; i++) {
        const phys_range_t *e = &model.excluded[i];
        available &= e->start >= e->end || paddr + PAGE_SIZE <= e->start || paddr >= e->end;
    }
    return available && paddr != 0;
}

static void model_make_machine(void) {
    phys_ranges_clear(&model.ram);
    for (unsigned n = 1 + next_number(6); n > 0; n--) {
        uint64_t start = next_number(MODEL_PAGES) * PAGE_SIZE;
        uint64_t size = next_number(MODEL_PAGES) * PAGE_SIZE;
        phys_ranges_add(&model.ram, start, start + size < MODEL_RAM ? start + size : MODEL_RAM);
    }
    model.excluded_count = next_number(4);
    for (size_t i = 0; i < model.excluded_count; i++) {
        uint64_t start = next_number(MODEL_PAGES) * PAGE_SIZE + next_number(PAGE_SIZE);
        uint64_t size = next_number(0x10000) * (uint64_t)next_byte();
        model.excluded[i] = (phys_range_t) { start, start + size };
    }
}

/* Learns which pages can be handed out by taking them all, and checks that they are the
 * available ones but for as few as the metadata needs. */
static void model_learn_managed(void) {
    memset(model.managed, 0, sizeof(model.managed));
    model.total = 0;
    uint64_t paddr;
    while ((paddr = page_alloc(0)) != 0) {
        CHECK(paddr < MODEL_RAM && paddr % PAGE_SIZE == 0);
        CHECK(model_is_available(paddr));
        CHECK(!model.managed[paddr / PAGE_SIZE]);
        model.managed[paddr / PAGE_SIZE] = true;
        model.total++;
    }
    CHECK_EQ(page_total_count(), model.total);
    size_t available = 0;
    size_t pieces = 0;
    for (uint64_t page = 0; page < MODEL_PAGES; page++) {
        if (model_is_available(page * PAGE_SIZE)) {
            available++;
            pieces += page == 0 || !model_is_available((page - 1) * PAGE_SIZE);
        }
    }
    CHECK(available - model.total <= pieces + available / (PAGE_SIZE / 8) + 1);
}

static bool model_start(void) {
    world_fill_with(0xa5);
    if (!world_start(model.ram.range, model.ram.count, model.excluded, model.excluded_count)) {
        return false;
    }
    model_learn_managed();
    /* And begin anew, with garbage for metadata, and nothing else to be touched. */
    world_fill_with(0xa5);
    for (uint64_t page = 0; page < MODEL_PAGES; page++) {
        if (model.managed[page] || !model_is_available(page * PAGE_SIZE)) {
            ASAN_POISON_MEMORY_REGION(world.ram + page * PAGE_SIZE, PAGE_SIZE);
        }
    }
    CHECK(world_start(model.ram.range, model.ram.count, model.excluded, model.excluded_count));
    world_start_caches();
    memset(model.used, 0, sizeof(model.used));
    memset(model.touched, 0, sizeof(model.touched));
    model.free = model.total;
    model.reserved = model.touched_count = model.blocks = 0;
    model.cacheless = true;
    return true;
}

static void model_check_counts(void) {
    CHECK_EQ(page_total_count(), model.total);
    CHECK_EQ(page_free_count(), model.free);
    CHECK_EQ(page_reserved_count(), model.reserved);
    CHECK_EQ(page_available_count(), model.free - model.reserved);
    CHECK_EQ(page_touched_count(), model.touched_count);
    CHECK_EQ(world.misuses, 0);
}

static void model_handed_out(uint64_t paddr, unsigned order) {
    CHECK_EQ(paddr % ((uint64_t)PAGE_SIZE << order), 0);
    for (uint64_t page = paddr / PAGE_SIZE; page < paddr / PAGE_SIZE + (1ull << order); page++) {
        CHECK(page < MODEL_PAGES && model.managed[page] && !model.used[page]);
        model.used[page] = true;
        model.touched_count += !model.touched[page];
        model.touched[page] = true;
    }
    model.free -= 1u << order;
    model.block[model.blocks].paddr = paddr;
    model.block[model.blocks++].order = order;
}

static void model_given_back(size_t i) {
    uint64_t first = model.block[i].paddr / PAGE_SIZE;
    unsigned order = model.block[i].order;
    memset(&model.used[first], 0, 1u << order);
    model.free += 1u << order;
    model.block[i] = model.block[--model.blocks];
}

static bool model_has_aligned_run(unsigned order) {
    size_t size = (size_t)1 << order;
    for (size_t first = 0; first + size <= MODEL_PAGES; first += size) {
        size_t n = 0;
        while (n < size && model.managed[first + n] && !model.used[first + n]) {
            n++;
        }
        if (n == size) {
            return true;
        }
    }
    return false;
}

/* Each of the calls a caller can get wrong, which must be noticed and do nothing. */
static void model_misuse(void) {
    uint64_t paddr = (uint64_t)next_number(MODEL_PAGES) * PAGE_SIZE;
    unsigned order = next_number(11);
    if (model.blocks > 0 && next_byte() % 2 == 0) {
        paddr = model.block[next_number(model.blocks)].paddr; /* Of another order, perhaps. */
    }
    paddr += next_byte() % 8 == 0 ? next_number(PAGE_SIZE) : 0;
    for (size_t i = 0; i < model.blocks; i++) {
        if (model.block[i].paddr == paddr && model.block[i].order == order) {
            return; /* That would be right. */
        }
    }
    page_free(paddr, order);
    CHECK_EQ(world.misuses, 1);
    page_unreserve(model.reserved + 1);
    CHECK_EQ(world.misuses, 2);
    if (model.reserved == 0) {
        CHECK_EQ(page_alloc_reserved(), 0);
        CHECK_EQ(world.misuses, 3);
    }
    world.misuses = 0;
    if (order <= PAGE_ORDER_MAX && model.reserved < 1u << order) {
        CHECK_EQ(page_alloc_reserved_block(order), 0);
        CHECK_EQ(world.misuses, 1);
    }
    world.misuses = 0;
}

/* A promised block is not always found, in several pieces or in caches as the memory may be. */
static void model_alloc_reserved_block(unsigned order) {
    if (order <= PAGE_ORDER_MAX && model.reserved < 1u << order) {
        return;
    }
    uint64_t paddr = page_alloc_reserved_block(order);
    if (paddr != 0) {
        CHECK(order <= PAGE_ORDER_MAX);
        model.reserved -= 1u << order;
        model_handed_out(paddr, order);
    } else if (model.cacheless) {
        CHECK(order > PAGE_ORDER_MAX || !model_has_aligned_run(order));
    }
}

static void model_step(void) {
    switch (next_byte() % 11) {
        case 0:
        case 1: {
            uint64_t paddr = page_alloc(0);
            CHECK_EQ(paddr != 0, model.free > model.reserved);
            if (paddr != 0) {
                model_handed_out(paddr, 0);
            }
            break;
        }
        case 2: {
            unsigned order = next_number(PAGE_ORDER_MAX + 2);
            uint64_t paddr = page_alloc(order);
            CHECK_EQ(paddr != 0, order <= PAGE_ORDER_MAX && model.free - model.reserved >= 1u << order
                && model_has_aligned_run(order));
            if (paddr != 0) {
                model_handed_out(paddr, order);
            }
            break;
        }
        case 3:
        case 4:
            for (unsigned n = next_number(40); n > 0 && model.blocks > 0; n--) {
                size_t i = next_number(model.blocks);
                page_free(model.block[i].paddr, model.block[i].order);
                model_given_back(i);
            }
            break;
        case 5: {
            size_t n = next_number(MODEL_PAGES);
            bool promised = page_reserve(n);
            CHECK_EQ(promised, model.free - model.reserved >= n);
            model.reserved += promised ? n : 0;
            break;
        }
        case 6: {
            size_t n = next_number(model.reserved + 1);
            page_unreserve(n);
            model.reserved -= n;
            break;
        }
        case 7:
            if (next_byte() % 4 == 0) {
                model_alloc_reserved_block(next_number(PAGE_ORDER_MAX + 2));
                break;
            }
            for (unsigned n = next_number(40); n > 0 && model.reserved > 0; n--) {
                uint64_t paddr = page_alloc_reserved();
                CHECK(paddr != 0);
                model.reserved--;
                model_handed_out(paddr, 0);
            }
            break;
        case 8: {
            size_t i = model.blocks > 0 ? next_number(model.blocks) : 0;
            if (i < model.blocks && model.block[i].order == 0 && next_byte() % 2 == 0) {
                page_free_reserved(model.block[i].paddr);
                model.reserved++;
                model_given_back(i);
            } else if (i < model.blocks) {
                page_free_reserved_block(model.block[i].paddr, model.block[i].order);
                model.reserved += 1u << model.block[i].order;
                model_given_back(i);
            } else {
                model_misuse();
            }
            break;
        }
        case 10:
            model_misuse();
            break;
        case 9:
            world_cpu = (int)next_number(WORLD_CPUS + 1) - 1;
            model.cacheless &= world_cpu < 0;
            break;
    }
}

/* Plays the script. */
static void model_run(const uint8_t *script, size_t len) {
    if (world.ram == NULL) {
        world_make_ram(MODEL_RAM);
    }
    model.script = script;
    model.script_len = len;
    model_make_machine();
    if (!model_start()) {
        return;
    }
    while (model.script_len > 0) {
        model_step();
        model_check_counts();
    }
    /* All given back, all is one again: nothing got lost. */
    while (model.blocks > 0) {
        page_free(model.block[0].paddr, model.block[0].order);
        model_given_back(0);
    }
    page_unreserve(model.reserved);
    model.reserved = 0;
    model_check_counts();
    CHECK(page_reserve(model.total));
}

#endif // MICROPY_INCLUDED_TESTS_HOST_PAGE_MODEL_H
