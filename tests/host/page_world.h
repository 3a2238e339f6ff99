/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A machine for the page allocator: RAM full of garbage, CPUs with their caches, and a
 * record of what page_alloc_misuse() was told. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_PAGE_WORLD_H
#define MICROPY_INCLUDED_TESTS_HOST_PAGE_WORLD_H

#include <sys/mman.h>

#include "kernel/page_alloc.h"
#include "tests/host/check.h"

#define MIB (1ull << 20)
#define WORLD_CPUS 4

#if defined(__SANITIZE_ADDRESS__)
#define WORLD_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WORLD_POISON 1
#endif
#endif
#ifdef WORLD_POISON
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, size) ((void)(at))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at))
#endif

static struct {
    uint8_t *ram; /* Physical address 0. */
    size_t ram_size;
    page_cache_t cache[WORLD_CPUS];
    unsigned misuses; /* Atomic. */
    const char *misuse; /* What the last one was, and where. */
    uint64_t misuse_paddr;
    unsigned misuse_order;
} world;

/* The CPU that this thread is; -1: none with a cache. */
static _Thread_local int world_cpu = -1;

page_cache_t *page_cache_current(void) {
    return world_cpu < 0 ? NULL : &world.cache[world_cpu];
}

void page_alloc_misuse(const char *what, uint64_t paddr, unsigned order) {
    CHECK(spinlocks_held.depth == 0);
    world.misuse = what;
    world.misuse_paddr = paddr;
    world.misuse_order = order;
    __atomic_fetch_add(&world.misuses, 1, __ATOMIC_RELAXED);
}

/* Gives the machine RAM from address 0 on. Anything up to TiBs: what nobody touches costs
 * nothing. */
static inline void world_make_ram(size_t size) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    world.ram = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
    CHECK(world.ram != MAP_FAILED);
    world.ram_size = size;
}

static inline void world_fill_with(uint8_t garbage) {
    ASAN_UNPOISON_MEMORY_REGION(world.ram, world.ram_size);
    memset(world.ram, garbage, world.ram_size);
}

/* Starts the allocator, without caches. */
static inline bool world_start(const phys_range_t *ram, size_t ram_count, const phys_range_t *excluded, size_t excluded_count) {
    world_cpu = -1;
    world.misuses = 0;
    world.misuse = NULL;
    return page_alloc_init(ram, ram_count, excluded, excluded_count, (uintptr_t)world.ram);
}

static inline void world_start_caches(void) {
    memset(world.cache, 0, sizeof(world.cache));
    for (int i = 0; i < WORLD_CPUS; i++) {
        page_cache_register(&world.cache[i]);
    }
}

#endif // MICROPY_INCLUDED_TESTS_HOST_PAGE_WORLD_H
