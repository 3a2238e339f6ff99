/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What drivers/driver.h wants. */

#include <string.h>

#include "boot/paging.h"
#include "drivers/driver.h"
#include "kernel/clock.h"
#include "kernel/machine.h"
#include "kernel/page_alloc.h"

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

mmio_t driver_map(uint64_t paddr, size_t len) {
    bool wraps = paddr + len < paddr;
    return wraps || is_ram(paddr, len) ? NULL : paging_map_physical(paddr, len, MAP_DEVICE);
}

uint64_t driver_now_ns(void) {
    return clock_monotonic_ns();
}
