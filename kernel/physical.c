/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "boot/cpu.h"
#include "boot/paging.h"
#include "boot/spinlock.h"
#include "kernel/physical.h"

/* CPUID leaf 0x80000008 and what holds without it: Intel SDM volume 3, 4.1.4. */
#define LEAF_ADDRESS_SIZES 0x80000008
#define DEFAULT_ADDRESS_BITS 36
#define MOST_ADDRESS_BITS 52

static spinlock_t lock = SPINLOCK_INIT(LOCK_RANK_PHYSICAL); // Of the page at PHYSICAL_VIEW.

static unsigned address_bits(void) {
    if (cpuid(0x80000000, 0).eax < LEAF_ADDRESS_SIZES) {
        return DEFAULT_ADDRESS_BITS;
    }
    unsigned bits = cpuid(LEAF_ADDRESS_SIZES, 0).eax & 0xff;
    return bits < MOST_ADDRESS_BITS ? bits : MOST_ADDRESS_BITS;
}

/* An address with a higher bit set would be a page fault: those bits are reserved in an entry. */
static bool is_possible(uint64_t paddr, unsigned size) {
    bool has_size = size == 1 || size == 2 || size == 4 || size == 8;
    return has_size && !(paddr & (size - 1)) && !(paddr >> address_bits());
}

static uint64_t load(uintptr_t at, unsigned size) {
    switch (size) {
        case 1:
            return *(volatile uint8_t *)at;
        case 2:
            return *(volatile uint16_t *)at;
        case 4:
            return *(volatile uint32_t *)at;
        default:
            return *(volatile uint64_t *)at;
    }
}

static void store(uintptr_t at, unsigned size, uint64_t value) {
    switch (size) {
        case 1:
            *(volatile uint8_t *)at = value;
            break;
        case 2:
            *(volatile uint16_t *)at = value;
            break;
        case 4:
            *(volatile uint32_t *)at = value;
            break;
        default:
            *(volatile uint64_t *)at = value;
    }
}

/* Where `paddr` can be reached: RAM in the direct map, with the cache; else in a page that is mapped
 * until the lock is given back. 0 where that cannot be. */
static uintptr_t view_of(uint64_t paddr) {
    size_t size;
    if (paddr < DIRECT_MAP_END - DIRECT_MAP_BASE && paging_lookup(paging_boot_root(), DIRECT_MAP_BASE + paddr, &size)) {
        return DIRECT_MAP_BASE + paddr;
    }
    uint64_t page = paddr & ~(uint64_t)(PAGE_SIZE - 1);
    bool ok = paging_map(paging_boot_root(), PHYSICAL_VIEW, page, PAGE_SIZE, MAP_DEVICE, false);
    return ok ? PHYSICAL_VIEW + (paddr - page) : 0;
}

bool physical_read(uint64_t paddr, unsigned size, uint64_t *value) {
    if (!is_possible(paddr, size)) {
        return false;
    }
    uint64_t flags = spin_lock_irqsave(&lock);
    uintptr_t at = view_of(paddr);
    uint64_t found = at ? load(at, size) : 0;
    paging_unmap(paging_boot_root(), PHYSICAL_VIEW);
    spin_unlock_irqrestore(&lock, flags);
    *value = found;
    return at;
}

bool physical_write(uint64_t paddr, unsigned size, uint64_t value) {
    if (!is_possible(paddr, size)) {
        return false;
    }
    uint64_t flags = spin_lock_irqsave(&lock);
    uintptr_t at = view_of(paddr);
    if (at) {
        store(at, size, value);
    }
    paging_unmap(paging_boot_root(), PHYSICAL_VIEW);
    spin_unlock_irqrestore(&lock, flags);
    return at;
}

bool physical_address(uint64_t virt, uint64_t *paddr) {
    size_t size;
    uint64_t entry;
    if (!paging_is_canonical(virt) || !(entry = paging_lookup(paging_current_root(), virt, &size))) {
        return false;
    }
    *paddr = (entry & PTE_ADDRESS) + (virt & (size - 1));
    return true;
}
