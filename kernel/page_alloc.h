/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The physical page allocator: blocks of 2^order pages of 4 KiB, order 0 to 9.
 *
 * Memory that was never handed out is never touched, nor is its metadata: on a virtual
 * machine the first touch of a page is what costs. What is handed out holds anything, not
 * zeros. Lowest addresses are handed out first.
 *
 * Any CPU, any context, interrupts on or off, page faults too: no function here sleeps, and
 * none touches memory that can fault. Metadata is reached through the direct map. */
#ifndef MICROPY_INCLUDED_KERNEL_PAGE_ALLOC_H
#define MICROPY_INCLUDED_KERNEL_PAGE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot/layout.h"
#include "boot/spinlock.h"
#include "kernel/phys_ranges.h"

#define PAGE_ORDER_MAX 9 /* 2 MiB. */

/* Takes over all of `ram` (sorted, not overlapping, page-aligned: as boot_info_t.ram) but
 * for what `excluded` covers even in part (any order, any alignment, may overlap) and page
 * 0. `phys_to_virt` is added to a physical address to reach it: DIRECT_MAP_BASE. Only the
 * first bytes of the lowest range are touched (of the lowest one with room for them, should
 * there be many), and later, of each range, as much as is handed out; a range is used when
 * the lower ones cannot serve. Returns false where no memory is left to manage. Once, on
 * the boot CPU (a host test calls it again to begin anew). */
bool page_alloc_init(const phys_range_t *ram, size_t ram_count,
    const phys_range_t *excluded, size_t excluded_count, uintptr_t phys_to_virt);

/* Takes 2^order pages, aligned to their size. Returns the physical address of the first,
 * never 0; or 0 where none are left but those promised by page_reserve(). */
uint64_t page_alloc(unsigned order);

/* Gives back what page_alloc(order) or (order 0) page_alloc_reserved() gave. */
void page_free(uint64_t paddr, unsigned order);

/* Promises `pages` single pages: page_alloc_reserved() will surely find them. Returns false,
 * and promises none, where less memory is free and not promised yet. */
bool page_reserve(size_t pages);

/* Gives up promises that were not called in. */
void page_unreserve(size_t pages);

/* Takes one page that page_reserve() promised; the promise is used up. Returns 0 only for a
 * caller that holds no promise. */
uint64_t page_alloc_reserved(void);

/* The reverse: gives back one page and has it promised again, in one step. */
void page_free_reserved(uint64_t paddr);

/* The same for 2^order pages and as many promises. Returns 0 where no block of that size is
 * free; the promises stay then. */
uint64_t page_alloc_reserved_block(unsigned order);
void page_free_reserved_block(uint64_t paddr, unsigned order);

/* In pages: all that can be handed out; of them not in use now, promised or not; of those,
 * promised; and not promised: what page_alloc() or page_reserve() would still grant; and the
 * pages that were handed out at least once (memory the host had to provide). The first never
 * changes; the others are a momentary picture. */
size_t page_total_count(void);
size_t page_free_count(void);
size_t page_reserved_count(void);
size_t page_available_count(void);
size_t page_touched_count(void);

/* A few single pages kept at hand for one CPU. Zeroed memory that lives as long as the
 * kernel does, in the CPU's own data; reached by any CPU when memory runs out. */
#define PAGE_CACHE_SIZE 16

typedef struct _page_cache_t {
    spinlock_t lock;
    uint32_t count;                  /* Under lock. */
    uint64_t pages[PAGE_CACHE_SIZE]; /* Under lock: physical addresses. */
    struct _page_cache_t *next;      /* List of all caches, only ever added to. */
} page_cache_t;

/* Adds a CPU's cache to the list. Once for each, after page_alloc_init() and before
 * page_cache_current() returns it. */
void page_cache_register(page_cache_t *cache);

/* Supplied by the kernel: the registered cache of the CPU that runs this, or NULL for none.
 * Should the thread move to another CPU meanwhile, that does no harm. */
page_cache_t *page_cache_current(void);

/* Supplied by the kernel: told of a caller's error (double free, wrong order, an address that
 * is not the allocator's, a promise that was never made). Called with no lock held. Should
 * it return, the call at fault has had no effect. */
void page_alloc_misuse(const char *what, uint64_t paddr, unsigned order);

#endif // MICROPY_INCLUDED_KERNEL_PAGE_ALLOC_H
