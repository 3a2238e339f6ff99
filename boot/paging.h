/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Page tables: four levels, Intel SDM volume 3, 4.5. The layout is boot/layout.h. */
#ifndef MICROPY_INCLUDED_BOOT_PAGING_H
#define MICROPY_INCLUDED_BOOT_PAGING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot/layout.h"

/* Page table entry bits. */
#define PTE_PRESENT (1ull << 0)
#define PTE_WRITABLE (1ull << 1)
#define PTE_WRITE_THROUGH (1ull << 3)
#define PTE_CACHE_DISABLE (1ull << 4)
#define PTE_LARGE (1ull << 7)
#define PTE_GLOBAL (1ull << 8)
#define PTE_NX (1ull << 63)
#define PTE_ADDRESS 0x000ffffffffff000ull

/* Rights of a mapping: what paging_map() takes. */
#define MAP_READ_ONLY (PTE_PRESENT | PTE_NX)
#define MAP_EXECUTE (PTE_PRESENT)
#define MAP_WRITE (PTE_PRESENT | PTE_WRITABLE | PTE_NX)
/* PAT entry 3, uncached at reset (SDM volume 3, table 12-12). */
#define MAP_DEVICE (MAP_WRITE | PTE_CACHE_DISABLE | PTE_WRITE_THROUGH)

/* Page fault error code: SDM volume 3, figure 4-12. */
#define FAULT_PRESENT (1u << 0)
#define FAULT_WRITE (1u << 1)
#define FAULT_USER (1u << 2)
#define FAULT_RESERVED (1u << 3)
#define FAULT_FETCH (1u << 4)

/* Where pages for tables come from. */
typedef struct _page_source_t {
    /* The physical address of a page, its content anything, or 0 where there is none. */
    uint64_t (*take)(struct _page_source_t *self);
} page_source_t;

static inline void *phys_to_virt(uint64_t paddr) {
    return (void *)(uintptr_t)(DIRECT_MAP_BASE + paddr);
}

/* The reverse, of an address in the direct map. */
static inline uint64_t virt_to_phys(const void *virt) {
    return (uintptr_t)virt - DIRECT_MAP_BASE;
}

/* Replaces what boot/pvh.S made of the first GiB by the image alone, with its final rights, and
 * before cpu_features_enable(). Boot CPU, once, interrupts off. The pages of `source` must lie
 * below 1 GiB until paging_map_direct() has mapped more. */
void paging_init(page_source_t *source);

/* A page of the source given to paging_init(), its content anything. 0 where there is none. */
uint64_t paging_new_page(void);

/* Maps RAM [start, end) into the direct map. What boot/pvh.S put there beyond all RAM goes by
 * paging_trim_direct(). False where a page for a table is missing. Multiples of 4 KiB. */
bool paging_map_direct(uint64_t start, uint64_t end);
bool paging_trim_direct(uint64_t end);

/* The root of the tables that all address spaces share the high half with. */
uint64_t *paging_boot_root(void);

/* The root of tables that share with all others the image and the high half, and have nothing else, made of two
 * pages, their content anything. After the boot, which fills the root's high half for good. */
uint64_t *paging_new_root(uint64_t root_page, uint64_t low_page);

/* Gives back the tables of paging_new_root() and all pages that they map beside what is shared. No CPU uses
 * them, or remembers something of them. */
void paging_free_root(uint64_t *root, void (*give_back)(uint64_t paddr, unsigned order));

/* Maps `len` bytes at `virt` to `paddr` (all multiples of 4 KiB), by the largest pages that
 * fit where `large`. What was mapped there is replaced. The caller holds the lock of that part
 * of the address space. False where a page for a table is missing. */
bool paging_map(uint64_t *root, uintptr_t virt, uint64_t paddr, size_t len, uint64_t rights, bool large);

/* Maps one page of 4 KiB or 2 MiB, with tables from `source`. For the rest as paging_map(). */
bool paging_map_page(uint64_t *root, uintptr_t virt, uint64_t paddr, uint64_t rights, page_source_t *source);
bool paging_map_large_page(uint64_t *root, uintptr_t virt, uint64_t paddr, uint64_t rights, page_source_t *source);

/* Takes the 4 KiB page at `virt` out, on this CPU. Returns its physical address, or 0 where
 * there is none. */
uint64_t paging_unmap(uint64_t *root, uintptr_t virt);

/* The same for a 2 MiB page. */
uint64_t paging_unmap_large(uint64_t *root, uintptr_t virt);

/* Takes out the table that maps the 2 MiB from `virt` on, whose pages were all taken out.
 * Returns its physical address, or 0 where there is none. */
uint64_t paging_remove_table(uint64_t *root, uintptr_t virt);

/* The entry that maps `virt`, or 0; and the size of its page, or of the hole at `virt` (4 KiB
 * to 512 GiB, aligned to its size). */
uint64_t paging_lookup(uint64_t *root, uintptr_t virt, size_t *page_size);

/* An address is the CPU's to translate: the others are a #GP. SDM volume 1, 3.3.7.1. */
static inline bool paging_is_canonical(uintptr_t virt) {
    return virt + (1ull << 47) < 1ull << 48;
}

/* True where `len` bytes at `virt` can be read without a fault, in the current address space. */
bool paging_readable(uintptr_t virt, size_t len);

/* What the tables above it leave of the rights of the entry that maps `virt`: PTE_WRITABLE where all of
 * them have it, PTE_NX where one has (SDM volume 3, 4.6). */
uint64_t paging_rights(uint64_t *root, uintptr_t virt);

/* What CR3 is to hold for the tables at `root`, which lie in the image or are seen by the direct map. */
uint64_t paging_cr3(const uint64_t *root);

/* The root of the current address space. */
uint64_t *paging_current_root(void);

/* A view of physical memory that is no RAM: device registers (`rights` MAP_DEVICE) or
 * firmware tables (MAP_READ_ONLY). Stays for good; the same page is mapped once. Returns NULL
 * where `paddr` or `len` makes no sense or pages are missing. Thread context. */
void *paging_map_physical(uint64_t paddr, size_t len, uint64_t rights);

/* A kernel stack of `size` bytes (a multiple of 4 KiB) with an unmapped page below, made of
 * pages of the source. Returns its top, or NULL. */
void *paging_alloc_stack(size_t size);

#endif // MICROPY_INCLUDED_BOOT_PAGING_H
