/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <stdbool.h>
#include <stdint.h>

#include "boot/paging.h"
#include "boot/spinlock.h"
#include "kernel/kalloc.h"
#include "kernel/page_alloc.h"

/* At the start of a page of pieces. */
typedef struct _slab_t {
    struct _slab_t *next, *previous; /* Of those of its size with a free piece. */
    void *free;                      /* Each piece that was given back holds the next. */
    uint16_t used;
    uint16_t fresh;                  /* From here on, in bytes, nothing was taken yet. */
} slab_t;

/* Multiples of 16, of which 127, 63, 31, 15, 8, 4 or 2 fit behind a slab_t. */
static const uint16_t sizes[] = { 32, 64, 128, 256, 496, 1008, 2032 };
#define CLASSES (sizeof(sizes) / sizeof(sizes[0]))

static spinlock_t lock = SPINLOCK_INIT(LOCK_RANK_KALLOC);
static slab_t *slabs[CLASSES]; // Those with a free piece.

static unsigned class_of(size_t size) {
    unsigned class = 0;
    while (class < CLASSES && size > sizes[class]) {
        ++class;
    }
    return class;
}

static unsigned order_of(size_t size) {
    unsigned order = 0;
    while (size > (size_t)PAGE_SIZE << order) {
        ++order;
    }
    return order;
}

static slab_t *new_slab(void) {
    uint64_t page = page_alloc(0);
    if (!page) {
        return NULL;
    }
    slab_t *slab = phys_to_virt(page);
    *slab = (slab_t) { .fresh = sizeof(slab_t) };
    return slab;
}

static bool has_free(const slab_t *slab, size_t size) {
    return slab->free || slab->fresh + size <= PAGE_SIZE;
}

/* The lock is held for these. */

static void link(slab_t *slab, unsigned class) {
    slab->previous = NULL;
    slab->next = slabs[class];
    if (slab->next) {
        slab->next->previous = slab;
    }
    slabs[class] = slab;
}

static void unlink(slab_t *slab, unsigned class) {
    *(slab->previous ? &slab->previous->next : &slabs[class]) = slab->next;
    if (slab->next) {
        slab->next->previous = slab->previous;
    }
}

static void *take_from(slab_t *slab, size_t size) {
    void *piece = slab->free;
    if (piece) {
        slab->free = *(void **)piece;
    } else {
        piece = (uint8_t *)slab + slab->fresh;
        slab->fresh += size;
    }
    ++slab->used;
    return piece;
}

static void *take(unsigned class) {
    void *piece = NULL;
    uint64_t flags = spin_lock_nofault_outer(&lock);
    if (!slabs[class]) {
        slab_t *slab = new_slab();
        if (slab) {
            link(slab, class);
        }
    }
    slab_t *slab = slabs[class];
    if (slab) {
        piece = take_from(slab, sizes[class]);
        if (!has_free(slab, sizes[class])) {
            unlink(slab, class);
        }
    }
    spin_unlock_irqrestore(&lock, flags);
    return piece;
}

static void give(void *piece, unsigned class) {
    slab_t *slab = (slab_t *)((uintptr_t)piece & ~(uintptr_t)(PAGE_SIZE - 1));
    uint64_t flags = spin_lock_nofault_outer(&lock);
    if (!has_free(slab, sizes[class])) {
        link(slab, class);
    }
    *(void **)piece = slab->free;
    slab->free = piece;
    if (!--slab->used) {
        unlink(slab, class);
        page_free(virt_to_phys(slab), 0);
    }
    spin_unlock_irqrestore(&lock, flags);
}

void *kalloc(size_t size) {
    unsigned class = class_of(size);
    if (class < CLASSES) {
        return take(class);
    }
    uint64_t pages = size <= KALLOC_SIZE_MAX ? page_alloc(order_of(size)) : 0;
    return pages ? phys_to_virt(pages) : NULL;
}

void kfree(void *memory, size_t size) {
    unsigned class = class_of(size);
    if (class < CLASSES) {
        give(memory, class);
    } else {
        page_free(virt_to_phys(memory), order_of(size));
    }
}
