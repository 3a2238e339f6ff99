/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "boot/paging.h"
#include "kernel/dma.h"

/* The address of a byte as a device sees it, and how many bytes from there on lie in the same page. 0: none. */
static size_t find(uintptr_t at, bool writes, uint64_t *paddr) {
    uint64_t *root = paging_current_root();
    size_t page;
    uint64_t entry = paging_lookup(root, at, &page);
    if (!entry) {
        (void)*(volatile const uint8_t *)at; // It comes when it is touched.
        entry = paging_lookup(root, at, &page);
    }
    bool is_usable = entry && !(entry & PTE_CACHE_DISABLE) && (!writes || entry & PTE_WRITABLE);
    *paddr = (entry & PTE_ADDRESS & ~(page - 1)) + (at & (page - 1));
    return is_usable ? page - (at & (page - 1)) : 0;
}

static size_t at_most(size_t a, size_t b) {
    return a < b ? a : b;
}

unsigned dma_describe(const void *buffer, size_t size, bool writes, dma_segment_t *segments, unsigned count_max,
    uint32_t len_max, size_t *described) {
    uintptr_t at = (uintptr_t)buffer;
    size_t left = size;
    unsigned count = 0;
    uint64_t paddr;
    size_t len;
    while (left && (len = at_most(find(at, writes, &paddr), left))) {
        dma_segment_t *last = count ? &segments[count - 1] : NULL;
        if (last && last->paddr + last->len == paddr && last->len < len_max) {
            len = at_most(len, len_max - last->len);
            last->len += len;
        } else if (count < count_max) {
            len = at_most(len, len_max);
            segments[count++] = dma_segment(paddr, len);
        } else {
            break;
        }
        at += len;
        left -= len;
    }
    *described = size - left;
    return count;
}
