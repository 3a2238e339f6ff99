/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Handing out the kernel's own parts of the high half: views of physical memory that is
 * no RAM, and kernel stacks. Addresses are never given back. */

#include "boot/paging.h"
#include "boot/spinlock.h"

/* Those of 31 devices, four each, should all of a PCI segment come and go twice, at other addresses the second time. */
#define REMEMBERED_VIEWS 256
/* Of those the ones that a boot makes, in a page that it touches anyway. */
#define BOOT_VIEWS 24
#define PHYSICAL_LIMIT (1ull << 52)

typedef struct _view_t {
    uint64_t paddr;
    size_t len;
    uintptr_t virt;
    uint64_t rights;
} view_t;

static spinlock_t lock = SPINLOCK_INIT(LOCK_RANK_HIGH_HALF);
static uintptr_t next_view = MMIO_BASE;
static uintptr_t next_stack = KERNEL_STACK_BASE;
static view_t boot_views[BOOT_VIEWS];
static view_t further_views[REMEMBERED_VIEWS - BOOT_VIEWS] __attribute__((section(".uncleared")));
static unsigned view_count;

static view_t *view_at(unsigned index) {
    return index < BOOT_VIEWS ? &boot_views[index] : &further_views[index - BOOT_VIEWS];
}

static uintptr_t find_view(uint64_t paddr, size_t len, uint64_t rights) {
    for (unsigned i = 0; i < view_count; ++i) {
        const view_t *view = view_at(i);
        if (view->rights == rights && paddr >= view->paddr && paddr + len <= view->paddr + view->len) {
            return view->virt + (paddr - view->paddr);
        }
    }
    return 0;
}

static uintptr_t make_view(uint64_t paddr, size_t len, uint64_t rights) {
    if (len > MMIO_END - next_view
        || !paging_map(paging_boot_root(), next_view, paddr, len, rights | PTE_GLOBAL, false)) {
        return 0;
    }
    uintptr_t virt = next_view;
    next_view += len;
    if (view_count < REMEMBERED_VIEWS) {
        *view_at(view_count++) = (view_t) { paddr, len, virt, rights };
    }
    return virt;
}

void *paging_map_physical(uint64_t paddr, size_t len, uint64_t rights) {
    uint64_t first = paddr & ~(uint64_t)(PAGE_SIZE - 1);
    uint64_t end = paddr + len;
    if (!len || end < paddr || end > PHYSICAL_LIMIT) {
        return NULL;
    }
    size_t whole = ((end - first) + PAGE_SIZE - 1) & ~(size_t)(PAGE_SIZE - 1);

    uint64_t flags = spin_lock_irqsave(&lock);
    uintptr_t virt = find_view(first, whole, rights);
    if (!virt) {
        virt = make_view(first, whole, rights);
    }
    spin_unlock_irqrestore(&lock, flags);
    return virt ? (void *)(virt + (paddr - first)) : NULL;
}

void *paging_alloc_stack(size_t size) {
    uint64_t flags = spin_lock_irqsave(&lock);
    uintptr_t bottom = next_stack + PAGE_SIZE;
    uintptr_t top = bottom + size;
    bool ok = top <= KERNEL_STACK_END;
    for (uintptr_t at = bottom; ok && at < top; at += PAGE_SIZE) {
        uint64_t page = paging_new_page();
        ok = page && paging_map(paging_boot_root(), at, page, PAGE_SIZE, MAP_WRITE | PTE_GLOBAL, false);
    }
    if (ok) {
        next_stack = top;
    }
    spin_unlock_irqrestore(&lock, flags);
    return ok ? (void *)top : NULL;
}
