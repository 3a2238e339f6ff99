/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The blocks of one piece of RAM: a binary buddy system that comes to life bit by bit.
 * Inside of the page allocator; others use page_alloc.h.
 *
 * A region begins with its metadata, one word a page, and manages the pages behind it.
 * Pages are numbered from a 2 MiB boundary at or below the first one, so that a block of
 * order n starts at a multiple of 2^n both as an index and as an address. All pages start
 * out behind the frontier (index `fresh` and above), where neither they nor their words
 * were ever touched. When the free lists cannot serve, the frontier moves up by the largest
 * aligned block, whose words are set then. Free pages themselves are never touched.
 *
 * The page allocator's lock is held for everything but page_region_claim() and
 * page_region_hand_out(), which only look at words of pages that are in use. */
#ifndef MICROPY_INCLUDED_KERNEL_PAGE_BUDDY_H
#define MICROPY_INCLUDED_KERNEL_PAGE_BUDDY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot/layout.h"
#include "kernel/page_alloc.h"

#define PAGE_INDEX_NONE 0xfffffff

/* The most a region spans, in bytes: its indices have to fit below PAGE_INDEX_NONE. */
#define PAGE_REGION_SPAN (1ull << (27 + PAGE_SHIFT))

typedef struct _page_region_t {
    uint64_t base;                     /* Physical address of index 0. */
    uint32_t first;                    /* Managed are the indices first..end-1. */
    uint32_t end;
    uint32_t fresh;                    /* Those from here on were never used. Atomic. */
    uint32_t free;                     /* Pages on the lists and behind the frontier. */
    uint32_t nonempty;                 /* Bit n: the list of order n has a block. */
    uint32_t head[PAGE_ORDER_MAX + 1]; /* First block of each order's list. */
    uint64_t *words;                   /* The word of index `first`. */
} page_region_t;

/* Sets up a region over [start, end), at most PAGE_REGION_SPAN long, page-aligned. The first
 * `skip` bytes (a multiple of 8) belong to someone else. Returns the number of pages that
 * can be handed out; with 0 the region is not to be used. Touches no memory but *region. */
size_t page_region_init(page_region_t *region, uint64_t start, uint64_t end, size_t skip, uintptr_t phys_to_virt);

/* Takes a block off the region; it is then held by the allocator. Returns its index, or
 * PAGE_INDEX_NONE. */
uint32_t page_region_take(page_region_t *region, unsigned order);

/* Puts a held block back, merged with its free buddies. */
void page_region_put(page_region_t *region, uint32_t index, unsigned order);

/* Turns a held block into one in use. Returns how many of its pages never were before. */
size_t page_region_hand_out(page_region_t *region, uint32_t index, unsigned order);

/* Turns a block in use into a held one, for one of several CPUs that may try at once.
 * Returns NULL, or what is wrong about the block. */
const char *page_region_claim(page_region_t *region, uint32_t index, unsigned order);

#endif // MICROPY_INCLUDED_KERNEL_PAGE_BUDDY_H
