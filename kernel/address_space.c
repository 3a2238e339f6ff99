/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "boot/cpu_features.h"
#include "kernel/address_space.h"
#include "kernel/page_alloc.h"
#include "kernel/tlb.h"

#define LARGE_PAGE_ORDER 9
#define LARGE_PAGE_PAGES (LARGE_PAGE_SIZE / PAGE_SIZE)

static uint64_t taken_pcids = 1; // A bit each. 0 is no one's own: kernel/tlb.h.

_Static_assert(TLB_PCIDS == 64, "a bit each");

/* For each slot of an area, taken or not. */
#define EACH_AREA(space, area) \
    (area_block_t *block = &(space)->areas; block; block = block->next) \
        for (area_t *area = block->area; area < block->area + AREAS_PER_BLOCK; ++area)

/* Page tables that an area may need: one for each 2 MiB that it touches, one directory for
 * each GiB, one directory pointer table. */
static size_t tables_for(size_t size) {
    return size / LARGE_PAGE_SIZE + 2 + size / (1ull << 30) + 2 + 1;
}

/* 0 where all are taken, or the CPUs have none. */
static uint64_t take_pcid(void) {
    uint64_t taken = __atomic_load_n(&taken_pcids, __ATOMIC_RELAXED), pcid;
    do {
        pcid = ~taken && cpu_features.leaf1_ecx & CPUID_1_ECX_PCID ? __builtin_ctzll(~taken) : 0;
    } while (pcid && !__atomic_compare_exchange_n(&taken_pcids, &taken, taken | 1ull << pcid, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
    return pcid;
}

static void give_pcid(uint64_t pcid) {
    if (pcid) {
        __atomic_fetch_and(&taken_pcids, ~(1ull << pcid), __ATOMIC_RELEASE);
    }
}

static void give_back_if_any(uint64_t page) {
    if (page) {
        page_free(page, 0);
    }
}

void address_space_adopt(address_space_t *space) {
    spin_init(&space->lock, LOCK_RANK_ADDRESS_SPACE);
    space->root = paging_boot_root();
    space->cr3 = paging_cr3(space->root) | take_pcid();
}

void address_space_share(address_space_t *space) {
    spin_init(&space->lock, LOCK_RANK_ADDRESS_SPACE);
    space->root = paging_boot_root();
}

/* What was taken out is known to no CPU afterwards. */
static void forget(const address_space_t *space) {
    if (space->cr3) {
        tlb_flush(space->cr3);
    } else {
        tlb_flush_all();
    }
}

bool address_space_init(address_space_t *space) {
    uint64_t root_page = page_alloc(0), low_page = page_alloc(0);
    if (!root_page || !low_page) {
        give_back_if_any(root_page);
        give_back_if_any(low_page);
        return false;
    }
    spin_init(&space->lock, LOCK_RANK_ADDRESS_SPACE);
    space->root = paging_new_root(root_page, low_page);
    space->cr3 = paging_cr3(space->root) | take_pcid();
    return true;
}

void address_space_end(address_space_t *space) {
    tlb_retire(space->cr3);
    give_pcid(space->cr3 & CR3_PCID);
    paging_free_root(space->root, page_free);
    size_t promised = 0;
    for EACH_AREA(space, area) {
        promised += area->pages_promised + area->tables_promised;
    }
    page_unreserve(promised);
    uint64_t flags = spin_lock_nofault_outer(&space->lock);
    area_block_t *blocks = space->areas.next;
    memset(&space->areas, 0, sizeof(space->areas)); // Somebody may look at it still.
    spin_unlock_irqrestore(&space->lock, flags);
    while (blocks) {
        area_block_t *block = blocks;
        blocks = block->next;
        page_free(virt_to_phys(block), 0);
    }
}

size_t address_space_cost(size_t size) {
    return size / PAGE_SIZE + tables_for(size);
}

/* The space's lock is held for these two. */

static area_t *area_of(address_space_t *space, uintptr_t address) {
    for EACH_AREA(space, area) {
        if (address >= area->start && address < area->end) {
            return area;
        }
    }
    return NULL;
}

static area_t *free_slot(address_space_t *space) {
    for EACH_AREA(space, area) {
        if (!area->end) {
            return area;
        }
    }
    return NULL;
}

/* With room for one more area. */
static bool add_block(address_space_t *space) {
    uint64_t page = page_alloc(0);
    if (!page) {
        return false;
    }
    area_block_t *block = memset(phys_to_virt(page), 0, sizeof(*block));
    uint64_t flags = spin_lock_nofault_outer(&space->lock);
    block->next = space->areas.next;
    space->areas.next = block;
    spin_unlock_irqrestore(&space->lock, flags);
    return true;
}

/* The area's lock is held: the table belongs to the page that is being mapped. */
static uint64_t take_table(page_source_t *self) {
    area_t *area = (area_t *)self;
    if (!area->tables_promised) {
        return page_alloc(0);
    }
    --area->tables_promised;
    return page_alloc_reserved();
}

static bool fill_slot(address_space_t *space, uintptr_t start, size_t size, bool large) {
    uint64_t flags = spin_lock_nofault_outer(&space->lock);
    area_t *slot = free_slot(space);
    if (slot) {
        *slot = (area_t) {
            .source.take = take_table,
            .start = start,
            .end = start + size,
            .pages_promised = size / PAGE_SIZE,
            .tables_promised = tables_for(size),
            .large = large,
        };
    }
    spin_unlock_irqrestore(&space->lock, flags);
    return slot;
}

bool address_space_add(address_space_t *space, uintptr_t start, size_t size, bool large) {
    if (!page_reserve(address_space_cost(size))) {
        return false;
    }
    while (!fill_slot(space, start, size, large)) {
        if (!add_block(space)) {
            page_unreserve(address_space_cost(size));
            return false;
        }
    }
    return true;
}

static area_t area_in(address_space_t *space, uintptr_t start, uintptr_t end) {
    area_t found = { .end = 0 };
    uint64_t flags = spin_lock_nofault_outer(&space->lock);
    for EACH_AREA(space, area) {
        if (area->start < end && area->end > start) {
            found = *area;
        }
    }
    spin_unlock_irqrestore(&space->lock, flags);
    return found;
}

static uintptr_t whole_tables(uintptr_t end) {
    return (end + LARGE_PAGE_SIZE - 1) & ~(uintptr_t)(LARGE_PAGE_SIZE - 1);
}

uintptr_t address_space_find_hole(address_space_t *space, uintptr_t start, uintptr_t end, size_t size) {
    uintptr_t taken_end;
    // An area above may begin behind a gap: what lies under its first page table is no hole.
    while (start < end && size <= end - start
           && (taken_end = area_in(space, start, whole_tables(start + size)).end)) {
        start = whole_tables(taken_end);
    }
    return start < end && size <= end - start ? start : 0;
}

uintptr_t address_space_find_area(address_space_t *space, uintptr_t start, uintptr_t end) {
    return area_in(space, start, end).start;
}

/* Gives 2^order pages back; the area keeps their promise where `keep`. */
static void give_back(area_t *area, uint64_t paddr, unsigned order, bool keep) {
    if (keep) {
        page_free_reserved_block(paddr, order);
        area->pages_promised += (size_t)1 << order;
    } else {
        page_free(paddr, order);
    }
}

/* What maps 2 MiB: a page of that size, or a table. */
typedef struct _mapping_t {
    uint64_t large_page, table; /* Physical; one of them or none. */
} mapping_t;

/* Takes out what maps the 2 MiB of *at, and moves *at behind them; or passes over a larger hole. */
static mapping_t take_mapping(address_space_t *space, uintptr_t *at) {
    size_t hole;
    uintptr_t virt = *at;
    if (!paging_lookup(space->root, virt, &hole) && hole > PAGE_SIZE) {
        *at = (virt & ~(hole - 1)) + hole;
        return (mapping_t) { 0 };
    }
    *at = (virt & ~(uintptr_t)(LARGE_PAGE_SIZE - 1)) + LARGE_PAGE_SIZE;
    uint64_t large_page = paging_unmap_large(space->root, virt);
    return (mapping_t) { large_page, large_page ? 0 : paging_remove_table(space->root, virt) };
}

/* Gives back what no CPU can reach any more. */
static void give_back_mapping(area_t *area, mapping_t mapping, bool keep) {
    if (mapping.large_page) {
        give_back(area, mapping.large_page, LARGE_PAGE_ORDER, keep);
    }
    if (!mapping.table) {
        return;
    }
    const uint64_t *entry = phys_to_virt(mapping.table);
    for (unsigned i = 0; i < LARGE_PAGE_PAGES; ++i) {
        if (entry[i] & PTE_PRESENT) {
            give_back(area, entry[i] & PTE_ADDRESS, 0, keep);
        }
    }
    if (keep) {
        page_free_reserved(mapping.table);
        ++area->tables_promised;
    } else {
        page_free(mapping.table, 0);
    }
}

void address_space_drop(address_space_t *space, uintptr_t start, bool keep) {
    uint64_t flags = spin_lock_nofault_outer(&space->lock);
    area_t *area = area_of(space, start);
    for (uintptr_t at = start; area && at < area->end;) {
        mapping_t mapping = take_mapping(space, &at);
        spin_unlock_irqrestore(&space->lock, flags); // Interrupts get their turn after each 2 MiB.
        if (mapping.large_page || mapping.table) {
            forget(space);
        }
        flags = spin_lock_nofault_outer(&space->lock);
        give_back_mapping(area, mapping, keep);
    }
    size_t promised = 0;
    if (area && !keep) {
        promised = area->pages_promised + area->tables_promised;
        memset(area, 0, sizeof(*area));
    }
    spin_unlock_irqrestore(&space->lock, flags);
    page_unreserve(promised);
}

void address_space_renew(address_space_t *space, uintptr_t start, uintptr_t end) {
    uint64_t pages[ADDRESS_SPACE_RENEWED];
    size_t count = 0;
    uint64_t flags = spin_lock_irqsave(&space->lock);
    area_t *area = area_of(space, start);
    for (uintptr_t at = start; area && at < end && count < ADDRESS_SPACE_RENEWED; at += PAGE_SIZE) {
        uint64_t page = paging_unmap(space->root, at);
        if (page) {
            pages[count++] = page;
        }
    }
    spin_unlock_irqrestore(&space->lock, flags);
    forget(space);
    flags = spin_lock_irqsave(&space->lock);
    while (count) {
        give_back(area, pages[--count], 0, true);
    }
    spin_unlock_irqrestore(&space->lock, flags);
}

/* Maps the whole 2 MiB around `address`, in one page. False where they are not all the area's
 * and untouched, or no such page is free. */
static bool map_large(address_space_t *space, area_t *area, uintptr_t address) {
    size_t hole;
    uintptr_t start = address & ~(uintptr_t)(LARGE_PAGE_SIZE - 1);
    if (!area->large || start < area->start || start + LARGE_PAGE_SIZE > area->end
        || paging_lookup(space->root, address, &hole) || hole < LARGE_PAGE_SIZE) {
        return false;
    }
    uint64_t page = page_alloc_reserved_block(LARGE_PAGE_ORDER);
    if (!page) {
        return false;
    }
    area->pages_promised -= LARGE_PAGE_PAGES;
    memset(phys_to_virt(page), 0, LARGE_PAGE_SIZE);
    return paging_map_large_page(space->root, start, page, MAP_WRITE, &area->source);
}

static bool map_small(address_space_t *space, area_t *area, uintptr_t address) {
    size_t size;
    if (paging_lookup(space->root, address, &size)) {
        return true; // Another thread of this interpreter was first.
    }
    uint64_t page = page_alloc_reserved();
    if (!page) {
        return false;
    }
    --area->pages_promised;
    memset(phys_to_virt(page), 0, PAGE_SIZE);
    return paging_map_page(space->root, address & ~(uintptr_t)(PAGE_SIZE - 1), page, MAP_WRITE, &area->source);
}

bool address_space_fault(address_space_t *space, uintptr_t address) {
    uint64_t flags = spin_lock_irqsave(&space->lock);
    area_t *area = area_of(space, address);
    bool ok = area && (map_large(space, area, address) || map_small(space, area, address));
    spin_unlock_irqrestore(&space->lock, flags);
    return ok;
}

uintptr_t address_space_area_end(address_space_t *space, uintptr_t address) {
    uint64_t flags = spin_lock_nofault_outer(&space->lock);
    area_t *area = area_of(space, address);
    uintptr_t end = area ? area->end : 0;
    spin_unlock_irqrestore(&space->lock, flags);
    return end;
}

size_t address_space_used(address_space_t *space) {
    size_t used = 0;
    uint64_t flags = spin_lock_nofault_outer(&space->lock);
    for EACH_AREA(space, area) {
        used += area->end - area->start - area->pages_promised * PAGE_SIZE;
    }
    spin_unlock_irqrestore(&space->lock, flags);
    return used;
}
