/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Random bytes for several threads at once, while sources come, are waited for, and go. Built with the thread
 * sanitizer. */
#include "boot/cpu_features.h"
#include "kernel/mutex.h"
#include "kernel/random.h"

#include "tests/host/thread_world.h"
#include "tests/host/unit.h"

#define THREADS 6
#define DRAWS 400
#define LARGEST 3000

cpu_features_t cpu_features; // Nothing random in it.

bool rdseed(uint64_t *value) {
    (void)value;
    abort();
}

bool rdrand(uint64_t *value) {
    return rdseed(value);
}

uint64_t rdtsc(void) {
    return clock_monotonic_ns();
}

_Noreturn void thread_exit(void) {
    CHECK(!"no thread's interpreter dies here");
    abort();
}

/* It is slow, and none that two threads may ask at once. */
typedef struct _device_t {
    random_source_t source;
    uint64_t state, asked;   /* Plain. */
    uint32_t is_there;       /* Atomic. */
} device_t;

static size_t read_device(random_source_t *source, uint8_t *buf, size_t len) {
    static const uint32_t never;
    device_t *self = (device_t *)source;
    ++self->asked;
    CHECK(__atomic_load_n(&self->is_there, __ATOMIC_RELAXED));
    CHECK(wait_on(&never, 0, soon()) == WAIT_TIMEOUT);
    for (size_t i = 0; i < len; ++i) {
        self->state = self->state * 6364136223846793005 + 1442695040888963407;
        buf[i] = self->state >> 56;
    }
    return world_random() % 8 ? len : 0;
}

static device_t devices[2];
static uint32_t drawing, works; /* Atomic. */

static void come_and_go(void) {
    for (unsigned i = 0; __atomic_load_n(&drawing, __ATOMIC_RELAXED); ++i) {
        device_t *device = &devices[i % 2];
        __atomic_store_n(&device->is_there, 1, __ATOMIC_RELAXED);
        CHECK(random_add_source(&device->source));
        for (unsigned spins = world_random() % 64; spins; --spins) {
            cpu_relax();
        }
        random_remove_source(&device->source);
        __atomic_store_n(&device->is_there, 0, __ATOMIC_RELAXED);
    }
}

/* The first bytes of what was drawn. */
static uint64_t drawn[THREADS][DRAWS];

static void draw(unsigned index) {
    for (unsigned i = 0; i < DRAWS; ++i) {
        uint8_t bytes[LARGEST];
        size_t len = sizeof(drawn[0][0]) + world_random() % (world_random() % 8 ? 32 : LARGEST - 8);
        bool has_to = __atomic_load_n(&works, __ATOMIC_ACQUIRE);
        bool ok = random_bytes(bytes, len);
        CHECK(ok || !has_to); // What has worked once goes on.
        if (ok) {
            __atomic_store_n(&works, 1, __ATOMIC_RELEASE);
            memcpy(&drawn[index][i], bytes, sizeof(drawn[0][0]));
        }
        if (!(world_random() % 16)) {
            random_reseed();
        }
    }
    __atomic_fetch_sub(&drawing, 1, __ATOMIC_RELAXED);
}

static void draw_or_come_and_go(unsigned index) {
    if (index) {
        draw(index);
    } else {
        come_and_go();
    }
}

static int compare(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

TEST(no_two_threads_draw_the_same_while_sources_come_and_go) {
    for (unsigned i = 0; i < 2; ++i) {
        devices[i] = (device_t) { .source.read = read_device, .state = i };
    }
    drawing = THREADS - 1;
    start_machine();
    run_all(THREADS, draw_or_come_and_go);
    CHECK(works);
    CHECK(devices[0].asked && devices[1].asked);
    uint64_t *all = drawn[0];
    qsort(all, THREADS * DRAWS, sizeof(*all), compare);
    for (unsigned i = 1; i < THREADS * DRAWS; ++i) {
        CHECK(!all[i] || all[i] != all[i - 1]); // 0: it was not there yet.
    }
}
