/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The page allocator on several CPUs at once. Built with the thread sanitizer. */
#include "kernel/page_alloc.h"

#include <pthread.h>

#include "tests/host/page_world.h"
#include "tests/host/unit.h"

#define RAM (8 * MIB)
#define STEPS 30000
#define HELD_MAX 64
#define PROMISED 200

/* Which CPU has the page, plus 1: atomic. */
static uint8_t owner[RAM / PAGE_SIZE];

typedef struct _held_t {
    uint64_t paddr;
    unsigned order;
} held_t;

/* Marks a block as this CPU's, or back as nobody's; it must have been the other before. */
static void mark(const held_t *held, uint8_t from, uint8_t to) {
    for (uint64_t page = 0; page < 1ull << held->order; page++) {
        uint8_t *at = &owner[held->paddr / PAGE_SIZE + page];
        CHECK_EQ(__atomic_exchange_n(at, to, __ATOMIC_RELAXED), from);
    }
}

static void *use_memory(void *arg) {
    world_cpu = (int)(intptr_t)arg;
    uint8_t self = world_cpu + 1;
    uint32_t random = 12345 * self;
    held_t held[HELD_MAX];
    size_t count = 0;
    size_t promised = 0; /* Of the PROMISED pages that each CPU has a right to. */
    while (!page_reserve(PROMISED)) {
        sched_yield();
    }
    for (int step = 0; step < STEPS; step++) {
        random = random * 1664525 + 1013904223;
        unsigned choice = random >> 24;
        if (count < HELD_MAX && choice < 128) {
            held_t got = { 0, choice < 20 ? choice % 6 : 0 };
            if (choice > 100 && promised < PROMISED) {
                got.paddr = page_alloc_reserved();
                CHECK(got.paddr != 0);
                promised++;
            } else {
                got.paddr = page_alloc(got.order);
            }
            if (got.paddr != 0) {
                mark(&got, 0, self);
                held[count++] = got;
            }
        } else if (count > 0) {
            held_t gone = held[random % count];
            held[random % count] = held[count - 1];
            count--;
            mark(&gone, self, 0);
            if (gone.order == 0 && promised > 0) {
                page_free_reserved(gone.paddr);
                promised--;
            } else {
                page_free(gone.paddr, gone.order);
            }
        }
        if (choice == 255) {
            (void)page_free_count();
        }
    }
    while (count > 0) {
        count--;
        mark(&held[count], self, 0);
        page_free(held[count].paddr, held[count].order);
    }
    page_unreserve(PROMISED - promised);
    return NULL;
}

/* So little memory beyond the promises that the CPUs empty each other's caches all along. */
TEST(cpus_at_once_never_get_the_same_page_nor_lose_one) {
    world_make_ram(RAM);
    const phys_range_t ram[] = { { 1 * MIB, 1 * MIB + (WORLD_CPUS * PROMISED + 110) * PAGE_SIZE } };
    CHECK(world_start(ram, 1, NULL, 0));
    world_start_caches();
    pthread_t thread[WORLD_CPUS];
    for (intptr_t cpu = 0; cpu < WORLD_CPUS; cpu++) {
        CHECK_EQ(pthread_create(&thread[cpu], NULL, use_memory, (void *)cpu), 0);
    }
    for (int cpu = 0; cpu < WORLD_CPUS; cpu++) {
        CHECK_EQ(pthread_join(thread[cpu], NULL), 0);
    }
    CHECK_EQ(world.misuses, 0);
    CHECK_EQ(page_reserved_count(), 0);
    CHECK_EQ(page_free_count(), page_total_count());
    CHECK(page_reserve(page_total_count()));
}

static uint64_t shared_page;

static void *free_shared_page(void *arg) {
    world_cpu = (int)(intptr_t)arg;
    page_free(shared_page, 0);
    return NULL;
}

TEST(of_two_cpus_that_free_the_same_page_one_is_told) {
    world_make_ram(RAM);
    const phys_range_t ram[] = { { 1 * MIB, RAM } };
    CHECK(world_start(ram, 1, NULL, 0));
    world_start_caches();
    for (unsigned round = 1; round <= 100; round++) {
        shared_page = page_alloc(0);
        pthread_t thread[2];
        for (intptr_t cpu = 0; cpu < 2; cpu++) {
            CHECK_EQ(pthread_create(&thread[cpu], NULL, free_shared_page, (void *)cpu), 0);
        }
        for (int cpu = 0; cpu < 2; cpu++) {
            CHECK_EQ(pthread_join(thread[cpu], NULL), 0);
        }
        CHECK_EQ(world.misuses, round);
        CHECK_EQ(page_free_count(), page_total_count());
    }
}
