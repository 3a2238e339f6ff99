/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "kernel/page_buddy.h"

#include <string.h>

/* A page's word. State, order and links mean something in the word of a block's first page
 * only; `used before` is each page's own and survives splitting and merging. */
#define STATE_MASK 0x3
#define STATE_INSIDE 0x0 /* Not the first page of a block. */
#define STATE_FREE 0x1   /* On the list of its order. */
#define STATE_HELD 0x2   /* On no list: in a CPU's cache, or on its way. */
#define STATE_USED 0x3   /* Handed out. */
#define USED_BEFORE 0x4
#define ORDER_SHIFT 4
#define ORDER_MASK 0xf0
#define NEXT_SHIFT 8
#define PREVIOUS_SHIFT 36
#define LINK_MASK 0xfffffffull

#define HEAD(state, order) ((state) | (order) << ORDER_SHIFT)

static uint64_t *word_of(const page_region_t *region, uint32_t index) {
    return &region->words[index - region->first];
}

/* Words are read by a CPU that looks at a buddy while its owner changes it. */
static uint64_t load(const page_region_t *region, uint32_t index) {
    return __atomic_load_n(word_of(region, index), __ATOMIC_RELAXED);
}

static void store(page_region_t *region, uint32_t index, uint64_t word) {
    __atomic_store_n(word_of(region, index), word, __ATOMIC_RELAXED);
}

/* Everything but `used before`. */
static void set_head(page_region_t *region, uint32_t index, uint64_t word) {
    store(region, index, word | (load(region, index) & USED_BEFORE));
}

static void set_link(page_region_t *region, uint32_t index, unsigned shift, uint64_t link) {
    store(region, index, (load(region, index) & ~(LINK_MASK << shift)) | link << shift);
}

static void list_push(page_region_t *region, uint32_t index, unsigned order) {
    uint64_t next = region->head[order];
    set_head(region, index, HEAD(STATE_FREE, order) | next << NEXT_SHIFT | LINK_MASK << PREVIOUS_SHIFT);
    if (next != PAGE_INDEX_NONE) {
        set_link(region, next, PREVIOUS_SHIFT, index);
    }
    region->head[order] = index;
    region->nonempty |= 1u << order;
}

static void list_remove(page_region_t *region, uint32_t index, unsigned order) {
    uint64_t word = load(region, index);
    uint32_t next = word >> NEXT_SHIFT & LINK_MASK;
    uint32_t previous = word >> PREVIOUS_SHIFT;
    if (next != PAGE_INDEX_NONE) {
        set_link(region, next, PREVIOUS_SHIFT, previous);
    }
    if (previous != PAGE_INDEX_NONE) {
        set_link(region, previous, NEXT_SHIFT, next);
    } else {
        region->head[order] = next;
        if (next == PAGE_INDEX_NONE) {
            region->nonempty &= ~(1u << order);
        }
    }
    set_head(region, index, STATE_INSIDE);
}

size_t page_region_init(page_region_t *region, uint64_t start, uint64_t end, size_t skip, uintptr_t phys_to_virt) {
    /* So many pages of metadata hold the words of all the pages behind them. */
    uint64_t pages = (end - start) / PAGE_SIZE;
    uint64_t unit = PAGE_SIZE + sizeof(uint64_t);
    uint64_t metadata = (skip + pages * sizeof(uint64_t) + unit - 1) / unit;
    if (metadata >= pages) {
        return 0;
    }
    uint64_t first = start + metadata * PAGE_SIZE;
    region->base = first & ~(uint64_t)(LARGE_PAGE_SIZE - 1);
    region->first = (first - region->base) / PAGE_SIZE;
    region->end = (end - region->base) / PAGE_SIZE;
    region->fresh = region->first;
    region->free = region->end - region->first;
    region->nonempty = 0;
    for (unsigned order = 0; order <= PAGE_ORDER_MAX; order++) {
        region->head[order] = PAGE_INDEX_NONE;
    }
    region->words = (uint64_t *)(phys_to_virt + start + skip);
    return region->free;
}

/* Moves the frontier up by one block. */
static bool advance_frontier(page_region_t *region) {
    uint32_t index = region->fresh;
    if (index == region->end) {
        return false;
    }
    unsigned order = PAGE_ORDER_MAX;
    while ((index & ((1u << order) - 1)) != 0 || region->end - index < 1u << order) {
        order--;
    }
    memset(word_of(region, index), 0, sizeof(uint64_t) << order);
    /* After the words, for page_region_claim(), which reads without the lock. */
    __atomic_store_n(&region->fresh, index + (1u << order), __ATOMIC_RELEASE);
    list_push(region, index, order);
    return true;
}

uint32_t page_region_take(page_region_t *region, unsigned order) {
    if (region->free < 1u << order) {
        return PAGE_INDEX_NONE;
    }
    while (region->nonempty >> order == 0) {
        if (!advance_frontier(region)) {
            return PAGE_INDEX_NONE;
        }
    }
    unsigned have = order + __builtin_ctz(region->nonempty >> order);
    uint32_t index = region->head[have];
    list_remove(region, index, have);
    while (have > order) {
        have--;
        list_push(region, index + (1u << have), have);
    }
    set_head(region, index, HEAD(STATE_HELD, order));
    region->free -= 1u << order;
    return index;
}

void page_region_put(page_region_t *region, uint32_t index, unsigned order) {
    region->free += 1u << order;
    set_head(region, index, STATE_INSIDE);
    for (; order < PAGE_ORDER_MAX; order++) {
        uint32_t buddy = index ^ 1u << order;
        if (buddy < region->first || buddy >= region->fresh) {
            break;
        }
        if ((load(region, buddy) & (STATE_MASK | ORDER_MASK)) != HEAD(STATE_FREE, order)) {
            break;
        }
        list_remove(region, buddy, order);
        index &= buddy;
    }
    list_push(region, index, order);
}

size_t page_region_hand_out(page_region_t *region, uint32_t index, unsigned order) {
    size_t new = 0;
    for (uint32_t i = index; i < index + (1u << order); i++) {
        uint64_t word = load(region, i);
        if (!(word & USED_BEFORE)) {
            store(region, i, word | USED_BEFORE);
            new++;
        }
    }
    store(region, index, HEAD(STATE_USED, order) | USED_BEFORE);
    return new;
}

const char *page_region_claim(page_region_t *region, uint32_t index, unsigned order) {
    if (index < region->first || index >= __atomic_load_n(&region->fresh, __ATOMIC_ACQUIRE)) {
        return "page was never handed out";
    }
    uint64_t word = load(region, index);
    switch (word & STATE_MASK) {
        case STATE_INSIDE:
            return "not the start of a block";
        case STATE_FREE:
        case STATE_HELD:
            return "block is free already";
    }
    if ((word & ORDER_MASK) != order << ORDER_SHIFT) {
        return "block is of another order";
    }
    uint64_t held = HEAD(STATE_HELD, order) | USED_BEFORE;
    if (!__atomic_compare_exchange_n(word_of(region, index), &word, held, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
        return "block is free already";
    }
    return NULL;
}
