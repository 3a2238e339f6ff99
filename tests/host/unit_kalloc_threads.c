/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Small pieces of kernel memory on several CPUs at once. Built with the thread sanitizer. */
#include "kernel/kalloc.h"

#include "tests/host/memory_world.h"
#include "tests/host/unit.h"

#define THREADS 4
#define STEPS 20000
#define SLOTS 256

/* In the first bytes of each; the rest is plain bytes of `with`. */
typedef struct _piece_t {
    uint16_t size;
    uint8_t with;
    uint8_t rest[];
} piece_t;

static piece_t *slots[SLOTS]; /* Atomic. Whoever takes a piece out gives it back. */
static unsigned missing; /* Atomic. */

static piece_t *new_piece(void) {
    static const uint16_t sizes[] = { 32, 64, 128, 256, 496, 1008, 2032, 4096, 16384 };
    unsigned choice = world_random() % 64;
    uint16_t size = sizes[choice < 9 ? choice : choice % 7];
    piece_t *piece = kalloc(size);
    if (!piece) {
        __atomic_fetch_add(&missing, 1, __ATOMIC_RELAXED);
        return NULL;
    }
    *piece = (piece_t) { .size = size, .with = world_random() };
    memset(piece->rest, piece->with, size - sizeof(*piece));
    return piece;
}

static void free_piece(piece_t *piece) {
    if (piece) {
        for (size_t i = 0; i < piece->size - sizeof(*piece); ++i) {
            CHECK_EQ(piece->rest[i], piece->with);
        }
        kfree(piece, piece->size);
    }
}

static void *use_pieces(void *arg) {
    world_seed = 1000 + (uintptr_t)arg;
    for (unsigned step = 0; step < STEPS; ++step) {
        piece_t *piece = world_random() % 2 ? new_piece() : NULL;
        free_piece(__atomic_exchange_n(&slots[world_random() % SLOTS], piece, __ATOMIC_ACQ_REL));
    }
    return NULL;
}

/* With so little memory that it is missing now and then. */
TEST(cpus_at_once_never_get_the_same_piece_nor_lose_one) {
    world_start();
    memory_start();
    memory_leave(40);
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; ++i) {
        CHECK_EQ(pthread_create(&threads[i], NULL, use_pieces, (void *)i), 0);
    }
    for (unsigned i = 0; i < THREADS; ++i) {
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    }
    CHECK(missing && missing < THREADS * STEPS / 8);
    for (unsigned i = 0; i < SLOTS; ++i) {
        free_piece(slots[i]);
    }
    check_all_memory_is_free();
}
