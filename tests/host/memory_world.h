/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* RAM, full of garbage, for kernel code on the CPUs of cpu_world.h. The page allocator is the kernel's own. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_MEMORY_WORLD_H
#define MICROPY_INCLUDED_TESTS_HOST_MEMORY_WORLD_H

#include <sys/mman.h>

#include "boot/layout.h"
#include "kernel/page_alloc.h"
#include "tests/host/cpu_world.h"

#ifndef WORLD_RAM
#define WORLD_RAM (8ull << 20)
#endif

/* With interrupts on it may be another CPU's already. */
page_cache_t *page_cache_current(void) {
    return &(world_held ? world_held : &world[world_random() % WORLD_CPUS])->kernel.pages;
}

void page_alloc_misuse(const char *what, uint64_t paddr, unsigned order) {
    fprintf(stderr, "%s: 0x%" PRIx64 ", order %u\n", what, paddr, order);
    abort();
}

static void memory_start(void) {
    void *base = (void *)DIRECT_MAP_BASE;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
    CHECK(mmap(base, WORLD_RAM, PROT_READ | PROT_WRITE, flags, -1, 0) == base);
    memset(base, 0xa5, WORLD_RAM);
    const phys_range_t ram[] = { { 0, WORLD_RAM } };
    CHECK(page_alloc_init(ram, 1, NULL, 0, DIRECT_MAP_BASE));
    for (unsigned i = 0; i < WORLD_CPUS; ++i) {
        page_cache_register(&world[i].kernel.pages);
    }
}

/* Leaves only so many pages to be had, until memory_restore(). */
static inline void memory_leave(size_t pages) {
    CHECK(page_reserve(page_available_count() - pages));
}

static inline void memory_restore(void) {
    page_unreserve(page_reserved_count());
}

static inline void check_all_memory_is_free(void) {
    CHECK_EQ(page_free_count(), page_total_count());
}

#endif // MICROPY_INCLUDED_TESTS_HOST_MEMORY_WORLD_H
