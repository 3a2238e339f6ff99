/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "boot/cpu.h"
#include "kernel/cpu_random.h"
#include "kernel/crc32c.h"
#include "kernel/drbg.h"
#include "kernel/mutex.h"
#include "kernel/random.h"

/* Asked of each source. Entropy for AES-256, and half as much again in place of a nonce: NIST SP 800-90A, 8.6.7. So much
 * has to count, of all sources together, before the generator is used. */
#define SOURCE_BYTES 48

/* It is reseeded after so many requests, or so much time: a minute or two, as the TSC counts 2 to 4 GHz. The clock
 * (kernel/clock.h) is not asked, as its start may take longer than all else here. */
#define RESEED_REQUESTS 4096
#define RESEED_TICKS (1ull << 38)

/* A device may give less than it was asked for. */
#define READS_MAX 4

/* The repetition count test of NIST SP 800-90B, 4.4.1: so many equal bytes in a row have a chance of 2^-32. */
#define RUN_MAX 5

typedef struct _seed_t {
    struct {
        uint8_t byte[SOURCE_BYTES];
        uint64_t ticks; // When it was there. Nobody knows all bits of that, but it counts for nothing.
    } of[RANDOM_SOURCES_MAX];
} seed_t;

_Static_assert(sizeof(seed_t) <= DRBG_SEED_MAX, "the generator takes it at once");

static size_t read_cpu(random_source_t *self, uint8_t *buf, size_t len) {
    (void)self;
    return cpu_random_bytes(buf, len) ? len : 0;
}

static random_source_t cpu = { .read = read_cpu };

/* Held while sources are asked: the generator goes on meanwhile, if it is seeded. */
static mutex_t gathering;
static random_source_t *sources[RANDOM_SOURCES_MAX] = { &cpu };
static unsigned source_count = 1;

static mutex_t generating; // For the generator's state.
static uint32_t requests;  // Since it was seeded; read by anybody.
static uint64_t seeded_at; // By the TSC; read by anybody.
static bool is_seeded, is_wanted;

/* Not left out by the compiler, which sees that nobody reads it any more. */
static void wipe(void *secret, size_t len) {
    memset(secret, 0, len);
    __asm__ volatile ("" : : "r" (secret) : "memory");
}

static size_t read_source(random_source_t *source, uint8_t *buf) {
    size_t len = 0, step = 1;
    for (unsigned i = 0; i < READS_MAX && step && len < SOURCE_BYTES; ++i) {
        step = source->read(source, buf + len, SOURCE_BYTES - len);
        len += step;
    }
    return len;
}

/* Whether it looks like a source that works. One that lies cannot be told from that. */
static bool is_healthy(random_source_t *source, const uint8_t *bytes, size_t len) {
    bool healthy = true;
    for (size_t i = 0; i < len; ++i) {
        source->run = bytes[i] == source->byte ? source->run + (source->run < RUN_MAX) : 1;
        source->byte = bytes[i];
        healthy = healthy && source->run < RUN_MAX;
    }
    // The same bytes again, as of a device that has answered without writing.
    uint32_t sum = crc32c(bytes, len);
    healthy = healthy && sum != source->sum;
    source->sum = sum;
    return healthy;
}

/* Has it give its part of a seed. Returns how many bytes of that count. */
static size_t ask(random_source_t *source, uint8_t *bytes) {
    size_t len = read_source(source, bytes);
    if (len && !source->sum) {
        is_healthy(source, bytes, len); // Its first bytes are there for comparison only.
        len = read_source(source, bytes);
    }
    return len && is_healthy(source, bytes, len) ? len : 0;
}

/* Asks all sources. Returns how many bytes count; the others do no harm. */
static size_t gather(seed_t *seed) {
    size_t counted = 0;
    for (unsigned i = 0; i < source_count; ++i) {
        counted += ask(sources[i], seed->of[i].byte);
        seed->of[i].ticks = rdtsc();
    }
    return counted;
}

static bool is_due(void) {
    // A TSC that has gone back is one of those reasons.
    return !__atomic_load_n(&is_seeded, __ATOMIC_ACQUIRE) || __atomic_load_n(&is_wanted, __ATOMIC_RELAXED)
           || __atomic_load_n(&requests, __ATOMIC_RELAXED) >= RESEED_REQUESTS
           || rdtsc() - __atomic_load_n(&seeded_at, __ATOMIC_RELAXED) >= RESEED_TICKS;
}

/* With what there is: a generator that was seeded well once goes on without its sources. */
static void seed_if_due(void) {
    if (!is_due()) {
        return;
    }
    __atomic_store_n(&is_wanted, false, __ATOMIC_RELAXED);
    seed_t seed = { 0 };
    if (gather(&seed) >= SOURCE_BYTES || is_seeded) {
        mutex_lock(&generating);
        drbg_seed(&seed, sizeof(seed.of[0]) * source_count);
        __atomic_store_n(&requests, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&seeded_at, rdtsc(), __ATOMIC_RELAXED);
        mutex_unlock(&generating);
        __atomic_store_n(&is_seeded, true, __ATOMIC_RELEASE);
    }
    wipe(&seed, sizeof(seed));
}

/* Whether the generator may be used. */
static bool make_ready(void) {
    if (is_due()) {
        // While another thread is about it, who can go on does.
        if (!__atomic_load_n(&is_seeded, __ATOMIC_ACQUIRE)) {
            mutex_lock(&gathering);
        } else if (!mutex_try_lock(&gathering)) {
            return true;
        }
        seed_if_due();
        mutex_unlock(&gathering);
    }
    return __atomic_load_n(&is_seeded, __ATOMIC_ACQUIRE);
}

/* Each request brings something new: should two machines have the same state, as of one snapshot, they part here. By
 * the CPU's values nobody can follow who knows the state. */
static void generate(uint8_t *buf, size_t len) {
    struct {
        uint64_t ticks;
        uint8_t byte[32];
    } additional = { .ticks = rdtsc() };
    cpu_random_bytes(additional.byte, sizeof(additional.byte));
    mutex_lock(&generating);
    __atomic_store_n(&requests, requests + 1, __ATOMIC_RELAXED);
    drbg_generate(buf, len, &additional, sizeof(additional));
    mutex_unlock(&generating);
    wipe(&additional, sizeof(additional));
}

bool random_bytes(void *buf, size_t len) {
    uint8_t *out = buf;
    while (len) {
        if (!make_ready()) {
            return false;
        }
        size_t step = len < DRBG_REQUEST_MAX ? len : DRBG_REQUEST_MAX;
        generate(out, step);
        out += step;
        len -= step;
    }
    return true;
}

bool random_add_source(random_source_t *source) {
    mutex_lock(&gathering);
    bool has_room = source_count < RANDOM_SOURCES_MAX;
    if (has_room) {
        sources[source_count++] = source;
        random_reseed();
    }
    mutex_unlock(&gathering);
    return has_room;
}

void random_remove_source(random_source_t *source) {
    mutex_lock(&gathering);
    for (unsigned i = 0; i < source_count; ++i) {
        if (sources[i] == source) {
            sources[i] = sources[--source_count];
        }
    }
    mutex_unlock(&gathering);
}

void random_reseed(void) {
    __atomic_store_n(&is_wanted, true, __ATOMIC_RELAXED);
}
