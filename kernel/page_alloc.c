/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "kernel/page_alloc.h"

#include "kernel/page_buddy.h"

/* How many pages go between a CPU's cache and the regions at once. */
#define CACHE_BATCH (PAGE_CACHE_SIZE / 2)

/* All memory. Promises never exceed the free pages: reserved <= free. Pages in the CPUs'
 * caches count as taken here, so no promise depends on them. */
static struct _memory_t {
    spinlock_t lock;         /* Taken after a cache's lock, never before. */
    uint32_t region_count;   /* These three are set once. */
    page_region_t *regions;  /* Sorted by address. */
    size_t total;
    size_t free;             /* Under lock. */
    size_t reserved;         /* Grows under lock; atomic, since it shrinks without. */
    size_t touched;          /* Atomic. */
    page_cache_t *caches;    /* Grows under lock. */
} memory;

/* The RAM that is left when the exclusions are taken out, piece by piece. */
typedef struct _pieces_t {
    const phys_range_t *ram;
    size_t ram_count;
    const phys_range_t *excluded;
    size_t excluded_count;
    uint64_t at; /* What lies below is done. */
} pieces_t;

/* Moves `start`, the address of a page, behind the exclusions that cover any of that page;
 * `limit` where nothing is left below it. */
static uint64_t skip_excluded(const pieces_t *pieces, uint64_t start, uint64_t limit) {
    bool moved = true;
    while (moved && start < limit) {
        moved = false;
        for (size_t i = 0; i < pieces->excluded_count; i++) {
            const phys_range_t *e = &pieces->excluded[i];
            if (e->start < e->end && e->start < start + PAGE_SIZE && e->end > start) {
                start = e->end >= limit ? limit : (e->end + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
                moved = true;
            }
        }
    }
    return start;
}

static bool next_piece(pieces_t *pieces, phys_range_t *piece) {
    for (; pieces->ram_count > 0; pieces->ram++, pieces->ram_count--) {
        uint64_t limit = pieces->ram->end;
        /* Address 0 means "none", so page 0 is nobody's. */
        uint64_t start = pieces->ram->start > pieces->at ? pieces->ram->start : pieces->at;
        start = skip_excluded(pieces, start > 0 ? start : PAGE_SIZE, limit);
        if (start >= limit) {
            continue;
        }
        uint64_t end = (start | (PAGE_REGION_SPAN - 1)) + 1;
        if (end > limit) {
            end = limit;
        }
        for (size_t i = 0; i < pieces->excluded_count; i++) {
            const phys_range_t *e = &pieces->excluded[i];
            if (e->start < e->end && e->start > start && e->start < end) {
                end = e->start & ~(uint64_t)(PAGE_SIZE - 1);
            }
        }
        *piece = (phys_range_t) { start, end };
        pieces->at = end;
        return true;
    }
    return false;
}

bool page_alloc_init(const phys_range_t *ram, size_t ram_count,
    const phys_range_t *excluded, size_t excluded_count, uintptr_t phys_to_virt) {
    const pieces_t all = { ram, ram_count, excluded, excluded_count, 0 };
    phys_range_t piece;
    memory = (struct _memory_t) { .lock = SPINLOCK_INIT(LOCK_RANK_PAGES) };

    /* The table of regions lies at the start of the first piece that has room for it. */
    size_t table_size = 0;
    for (pieces_t pieces = all; next_piece(&pieces, &piece);) {
        table_size += sizeof(page_region_t);
    }
    uint64_t home = 0;
    for (pieces_t pieces = all; home == 0 && next_piece(&pieces, &piece);) {
        if (piece.end - piece.start >= table_size + 2 * PAGE_SIZE) {
            home = piece.start;
        }
    }
    if (home == 0) {
        return false;
    }
    memory.regions = (page_region_t *)(phys_to_virt + home);
    for (pieces_t pieces = all; next_piece(&pieces, &piece);) {
        page_region_t *region = &memory.regions[memory.region_count];
        size_t skip = piece.start == home ? table_size : 0;
        size_t pages = page_region_init(region, piece.start, piece.end, skip, phys_to_virt);
        if (pages > 0) {
            memory.region_count++;
            memory.total += pages;
        }
    }
    memory.free = memory.total;
    return memory.total > 0;
}

/* The region whose span holds `paddr`, or NULL, and the index of the page in it. */
static page_region_t *find_region(uint64_t paddr, uint32_t *index) {
    uint32_t low = 0;
    uint32_t high = memory.region_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        page_region_t *region = &memory.regions[middle];
        if (paddr < region->base + (uint64_t)region->first * PAGE_SIZE) {
            high = middle;
        } else if (paddr >= region->base + (uint64_t)region->end * PAGE_SIZE) {
            low = middle + 1;
        } else {
            *index = (paddr - region->base) / PAGE_SIZE;
            return region;
        }
    }
    return NULL;
}

static void hand_out(uint64_t paddr, unsigned order) {
    uint32_t index;
    page_region_t *region = find_region(paddr, &index);
    size_t new = page_region_hand_out(region, index, order);
    if (new > 0) {
        __atomic_fetch_add(&memory.touched, new, __ATOMIC_RELAXED);
    }
}

/* Takes a used block from its owner. Returns false where the caller has no right to it. */
static bool claim(uint64_t paddr, unsigned order) {
    uint32_t index;
    const char *wrong = NULL;
    page_region_t *region = NULL;
    if (order > PAGE_ORDER_MAX) {
        wrong = "no such order";
    } else if ((paddr & (((uint64_t)PAGE_SIZE << order) - 1)) != 0) {
        wrong = "misaligned address";
    } else if ((region = find_region(paddr, &index)) == NULL) {
        wrong = "not the page allocator's memory";
    } else {
        wrong = page_region_claim(region, index, order);
    }
    if (wrong != NULL) {
        page_alloc_misuse(wrong, paddr, order);
        return false;
    }
    return true;
}

/* The lock of `memory` is held for these. */

static uint64_t take(unsigned order) {
    for (uint32_t i = 0; i < memory.region_count; i++) {
        page_region_t *region = &memory.regions[i];
        uint32_t index = page_region_take(region, order);
        if (index != PAGE_INDEX_NONE) {
            memory.free -= (size_t)1 << order;
            return region->base + (uint64_t)index * PAGE_SIZE;
        }
    }
    return 0;
}

static void put(uint64_t paddr, unsigned order) {
    uint32_t index;
    page_region_t *region = find_region(paddr, &index);
    page_region_put(region, index, order);
    memory.free += (size_t)1 << order;
}

static size_t unpromised(void) {
    return memory.free - __atomic_load_n(&memory.reserved, __ATOMIC_RELAXED);
}

/* The caches. With a cache's lock held the stack is present already, and spin_lock_nofault()
 * would fault with a lock held: so the second lock is taken by spin_lock_irqsave(). */

void page_cache_register(page_cache_t *cache) {
    spin_init(&cache->lock, LOCK_RANK_PAGE_CACHE);
    uint64_t flags = spin_lock_nofault(&memory.lock);
    cache->next = memory.caches;
    __atomic_store_n(&memory.caches, cache, __ATOMIC_RELEASE);
    spin_unlock_irqrestore(&memory.lock, flags);
}

/* The cache's lock is held for these two. */

static void cache_fill(page_cache_t *cache) {
    uint64_t flags = spin_lock_irqsave(&memory.lock);
    size_t n = unpromised();
    if (n > CACHE_BATCH) {
        n = CACHE_BATCH;
    }
    /* From the back, so that the lowest address comes out first. */
    cache->count = n;
    while (n > 0) {
        cache->pages[--n] = take(0);
    }
    spin_unlock_irqrestore(&memory.lock, flags);
}

static void cache_empty(page_cache_t *cache, uint32_t keep) {
    uint64_t flags = spin_lock_irqsave(&memory.lock);
    while (cache->count > keep) {
        put(cache->pages[--cache->count], 0);
    }
    spin_unlock_irqrestore(&memory.lock, flags);
}

/* Takes one page that is not promised, by way of this CPU's cache. */
static uint64_t cache_take(void) {
    page_cache_t *cache = page_cache_current();
    if (cache == NULL) {
        return 0;
    }
    uint64_t flags = spin_lock_nofault(&cache->lock);
    if (cache->count == 0) {
        cache_fill(cache);
    }
    uint64_t paddr = cache->count > 0 ? cache->pages[--cache->count] : 0;
    spin_unlock_irqrestore(&cache->lock, flags);
    return paddr;
}

static bool cache_put(uint64_t paddr) {
    page_cache_t *cache = page_cache_current();
    if (cache == NULL) {
        return false;
    }
    uint64_t flags = spin_lock_nofault(&cache->lock);
    if (cache->count == PAGE_CACHE_SIZE) {
        cache_empty(cache, PAGE_CACHE_SIZE - CACHE_BATCH);
    }
    cache->pages[cache->count++] = paddr;
    spin_unlock_irqrestore(&cache->lock, flags);
    return true;
}

/* Brings back what all CPUs keep at hand: when nothing is left without it. */
static void empty_all_caches(void) {
    page_cache_t *cache = __atomic_load_n(&memory.caches, __ATOMIC_ACQUIRE);
    for (; cache != NULL; cache = cache->next) {
        uint64_t flags = spin_lock_nofault(&cache->lock);
        cache_empty(cache, 0);
        spin_unlock_irqrestore(&cache->lock, flags);
    }
}

static uint64_t take_unpromised(unsigned order) {
    uint64_t flags = spin_lock_nofault(&memory.lock);
    uint64_t paddr = unpromised() >= (size_t)1 << order ? take(order) : 0;
    spin_unlock_irqrestore(&memory.lock, flags);
    return paddr;
}

/* Cancels promises. Returns false where there are not as many. */
static bool unpromise(size_t pages) {
    size_t reserved = __atomic_load_n(&memory.reserved, __ATOMIC_RELAXED);
    do {
        if (reserved < pages) {
            return false;
        }
    } while (!__atomic_compare_exchange_n(&memory.reserved, &reserved, reserved - pages, true,
        __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return true;
}

/* Takes one page for one promise. Returns 0 where there is no promise. */
static uint64_t take_promised(void) {
    uint64_t flags = spin_lock_nofault(&memory.lock);
    uint64_t paddr = unpromise(1) ? take(0) : 0;
    spin_unlock_irqrestore(&memory.lock, flags);
    return paddr;
}

uint64_t page_alloc(unsigned order) {
    if (order > PAGE_ORDER_MAX) {
        return 0;
    }
    uint64_t paddr = order == 0 ? cache_take() : 0;
    if (paddr == 0) {
        paddr = take_unpromised(order);
    }
    if (paddr == 0) {
        empty_all_caches();
        paddr = take_unpromised(order);
    }
    if (paddr != 0) {
        hand_out(paddr, order);
    }
    return paddr;
}

static void give_back(uint64_t paddr, unsigned order, size_t promise) {
    if (order == 0 && promise == 0 && cache_put(paddr)) {
        return;
    }
    uint64_t flags = spin_lock_nofault(&memory.lock);
    put(paddr, order);
    __atomic_fetch_add(&memory.reserved, promise, __ATOMIC_RELAXED);
    spin_unlock_irqrestore(&memory.lock, flags);
}

void page_free(uint64_t paddr, unsigned order) {
    if (claim(paddr, order)) {
        give_back(paddr, order, 0);
    }
}

void page_free_reserved_block(uint64_t paddr, unsigned order) {
    if (claim(paddr, order)) {
        give_back(paddr, order, (size_t)1 << order);
    }
}

void page_free_reserved(uint64_t paddr) {
    page_free_reserved_block(paddr, 0);
}

static bool try_reserve(size_t pages) {
    uint64_t flags = spin_lock_nofault(&memory.lock);
    bool enough = unpromised() >= pages;
    if (enough) {
        __atomic_fetch_add(&memory.reserved, pages, __ATOMIC_RELAXED);
    }
    spin_unlock_irqrestore(&memory.lock, flags);
    return enough;
}

bool page_reserve(size_t pages) {
    if (try_reserve(pages)) {
        return true;
    }
    empty_all_caches();
    return try_reserve(pages);
}

void page_unreserve(size_t pages) {
    if (!unpromise(pages)) {
        page_alloc_misuse("more promises given up than made", 0, 0);
    }
}

/* A page that nobody was promised serves a promise as well. This CPU's cache has one most of
 * the time; where it has not, there surely is one among the promised. */
uint64_t page_alloc_reserved(void) {
    uint64_t paddr = cache_take();
    if (paddr == 0) {
        paddr = take_promised();
    } else if (!unpromise(1)) {
        give_back(paddr, 0, 0);
        paddr = 0;
    }
    if (paddr == 0) {
        page_alloc_misuse("no page was promised", 0, 0);
    } else {
        hand_out(paddr, 0);
    }
    return paddr;
}

uint64_t page_alloc_reserved_block(unsigned order) {
    if (order > PAGE_ORDER_MAX) {
        return 0;
    }
    size_t pages = (size_t)1 << order;
    uint64_t flags = spin_lock_nofault(&memory.lock);
    bool promised = unpromise(pages);
    uint64_t paddr = promised ? take(order) : 0;
    if (promised && paddr == 0) {
        __atomic_fetch_add(&memory.reserved, pages, __ATOMIC_RELAXED);
    }
    spin_unlock_irqrestore(&memory.lock, flags);
    if (!promised) {
        page_alloc_misuse("no pages were promised", 0, order);
    } else if (paddr != 0) {
        hand_out(paddr, order);
    }
    return paddr;
}

size_t page_total_count(void) {
    return memory.total;
}

/* Adds the pages in the caches to `count`. They come and go between the locks: the sum is
 * exact while nobody else allocates. */
static size_t add_cached(size_t count) {
    page_cache_t *cache = __atomic_load_n(&memory.caches, __ATOMIC_ACQUIRE);
    for (; cache != NULL; cache = cache->next) {
        uint64_t flags = spin_lock_nofault(&cache->lock);
        count += cache->count;
        spin_unlock_irqrestore(&cache->lock, flags);
    }
    return count;
}

size_t page_free_count(void) {
    uint64_t flags = spin_lock_nofault(&memory.lock);
    size_t count = memory.free;
    spin_unlock_irqrestore(&memory.lock, flags);
    return add_cached(count);
}

size_t page_available_count(void) {
    uint64_t flags = spin_lock_nofault(&memory.lock);
    size_t count = unpromised();
    spin_unlock_irqrestore(&memory.lock, flags);
    return add_cached(count);
}

size_t page_reserved_count(void) {
    return __atomic_load_n(&memory.reserved, __ATOMIC_RELAXED);
}

size_t page_touched_count(void) {
    return __atomic_load_n(&memory.touched, __ATOMIC_RELAXED);
}
