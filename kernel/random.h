/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Random bytes that nobody can guess, for all interpreters: out of a generator (kernel/drbg.h) that is seeded by
 * all the sources that the machine has, at its first use, and now and then anew. It is as good as the best of them. */
#ifndef MICROPY_INCLUDED_KERNEL_RANDOM_H
#define MICROPY_INCLUDED_KERNEL_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RANDOM_SOURCES_MAX 4 /* The CPU is one. */

/* How long a source may have one wait. */
#define RANDOM_PATIENCE_NS 500000000

/* What gives random bytes. It may have none, and what it gives is not believed where it repeats itself. */
typedef struct _random_source_t {
    /* Writes `len` bytes at most and returns how many; 0: it has none, or works no more. Called by one thread at a
     * time, in thread context, with no lock held that an interrupt takes; it may wait, RANDOM_PATIENCE_NS at most. */
    size_t (*read)(struct _random_source_t *self, uint8_t *buf, size_t len);

    /* What it gave last: kernel/random.c. */
    uint32_t sum;
    uint8_t byte;
    uint8_t run;
} random_source_t;

/* Fills `buf`. Returns false where no source that works has been found yet; the buffer then holds nothing usable. Once it
 * has succeeded it always does. Thread context, on any CPU. The first call may take as long as the sources do. */
bool random_bytes(void *buf, size_t len);

/* Has a source asked from the next random_bytes() on. False where there are as many as can be. Thread context. */
bool random_add_source(random_source_t *source);

/* Has it asked no more, and waits for the thread that is about it. Thread context. */
void random_remove_source(random_source_t *source);

/* Has the next random_bytes() ask all sources first, as after something that may have copied the generator. Any
 * context. */
void random_reseed(void);

#endif // MICROPY_INCLUDED_KERNEL_RANDOM_H
