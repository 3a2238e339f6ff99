/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <stdint.h>
#include <string.h>

#include "boot/paging.h"
#include "kernel/kalloc.h"
#include "kernel/net/net_memory.h"
#include "kernel/page_alloc.h"

/* Of the machine's pages, the network may have one in so many. */
#define SHARE 4

/* Before each piece; a multiple of what kalloc() aligns to. */
typedef struct _piece_t {
    _Alignas(16) size_t size; // Of all, this included.
} piece_t;

_Static_assert(NET_BLOCK_64K + sizeof(piece_t) == 64 << 10, "kernel/net/net_memory.h");

#define PIECE_MAX ((size_t)PAGE_SIZE << PAGE_ORDER_MAX)

static size_t used; // Atomic.

size_t net_memory_used(void) {
    return __atomic_load_n(&used, __ATOMIC_RELAXED);
}

size_t net_memory_limit(void) {
    return page_total_count() / SHARE * PAGE_SIZE;
}

static unsigned order_of(size_t size) {
    unsigned order = 0;
    while (size > (size_t)PAGE_SIZE << order) {
        ++order;
    }
    return order;
}

static void *take(size_t size) {
    if (size <= KALLOC_SIZE_MAX) {
        return kalloc(size);
    }
    uint64_t paddr = page_alloc(order_of(size));
    return paddr ? phys_to_virt(paddr) : NULL;
}

void *net_malloc(size_t size) {
    if (size > PIECE_MAX - sizeof(piece_t)) {
        return NULL;
    }
    size += sizeof(piece_t);
    if (__atomic_add_fetch(&used, size, __ATOMIC_RELAXED) <= net_memory_limit()) {
        piece_t *piece = take(size);
        if (piece) {
            piece->size = size;
            return piece + 1;
        }
    }
    __atomic_sub_fetch(&used, size, __ATOMIC_RELAXED);
    return NULL;
}

void *net_calloc(size_t count, size_t size) {
    size_t all;
    void *memory = __builtin_mul_overflow(count, size, &all) ? NULL : net_malloc(all);
    return memory ? memset(memory, 0, all) : NULL;
}

void net_free(void *memory) {
    if (!memory) {
        return;
    }
    piece_t *piece = (piece_t *)memory - 1;
    size_t size = piece->size;
    if (size <= KALLOC_SIZE_MAX) {
        kfree(piece, size);
    } else {
        page_free(virt_to_phys(piece), order_of(size));
    }
    __atomic_sub_fetch(&used, size, __ATOMIC_RELAXED);
}
