/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What drivers/driver.h wants. */

#include <string.h>

#include "boot/paging.h"
#include "drivers/driver.h"
#include "kernel/clock.h"
#include "kernel/machine.h"
#include "kernel/page_alloc.h"

#define INTERRUPTS_START 0xfec00000ull
#define INTERRUPTS_END 0xfef00000ull

static unsigned order_of(size_t size) {
    unsigned order = 0;
    while (((size_t)PAGE_SIZE << order) < size) {
        ++order;
    }
    return order;
}

void *driver_alloc(size_t size) {
    unsigned order = order_of(size);
    uint64_t pages = order <= PAGE_ORDER_MAX ? page_alloc(order) : 0;
    return pages ? memset(phys_to_virt(pages), 0, size) : NULL;
}

void driver_free(void *memory, size_t size) {
    page_free(virt_to_phys(memory), order_of(size));
}

uint64_t driver_address(const void *memory) {
    return virt_to_phys(memory);
}

/* A BAR that a device says lies over RAM would have us write there. */
static bool is_ram(uint64_t paddr, size_t len) {
    const phys_ranges_t *ram = &machine.boot.ram;
    for (uint32_t i = 0; i < ram->count; ++i) {
        if (paddr < ram->range[i].end && ram->range[i].start < paddr + len) {
            return true;
        }
    }
    return false;
}

/* Nor is there any device's BAR where a PC has its interrupt controllers: SDM volume 3, 11.4.1 and 11.11.1. */
static bool is_of_interrupts(uint64_t paddr, size_t len) {
    return paddr < INTERRUPTS_END && INTERRUPTS_START < paddr + len;
}

mmio_t driver_map(uint64_t paddr, size_t len) {
    bool wraps = paddr + len < paddr;
    bool is_refused = wraps || is_ram(paddr, len) || is_of_interrupts(paddr, len);
    return is_refused ? NULL : paging_map_physical(paddr, len, MAP_DEVICE);
}

uint64_t driver_now_ns(void) {
    return clock_monotonic_ns();
}
