/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "drivers/virtio_rng.h"
#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/cpus.h"
#include "kernel/kalloc.h"
#include "kernel/mutex.h"
#include "kernel/random.h"
#include "kernel/rng.h"

#define RNGS_MAX (RANDOM_SOURCES_MAX - 1)

typedef enum _rng_state_t {
    RNG_NONE,    // Zeroed memory.
    RNG_NOTED,
    RNG_STARTED,
    RNG_BROKEN,  // For good.
} rng_state_t;

typedef struct _rng_t {
    random_source_t source;
    rng_state_t state;
    pci_function_t pci;
    virtio_rng_t *device; // NULL: it was not started.
} rng_t;

static mutex_t lock; // Of which there are. Their states are their reader's.
static rng_t rngs[RNGS_MAX];

static void on_answer(virtio_rng_t *device) {
    wait_wake(&device->state, WAKE_ALL);
}

/* Whether it has answered, or given up. */
static bool await(virtio_rng_t *device) {
    uint64_t deadline_ns = clock_monotonic_ns() + RANDOM_PATIENCE_NS;
    wait_result_t result = WAIT_WOKEN;
    uint32_t state;
    while (virtio_rng_is_awaited(device, &state)) {
        if (result == WAIT_TIMEOUT) {
            return false;
        }
        result = wait_on(&device->state, state, deadline_ns);
    }
    return true;
}

/* A device that lies is not asked again; one that is late is, after a reset. */
static const char *ask(virtio_rng_t *device, size_t len) {
    if (virtio_rng_ask(device, len) && !await(device)) {
        return virtio_rng_restart(device);
    }
    return virtio_rng_problem(device);
}

static const char *start(rng_t *rng) {
    virtio_rng_t *device = kalloc(sizeof(*device));
    if (!device) {
        return "memory for it is missing";
    }
    memset(device, 0, sizeof(*device));
    device->on_answer = on_answer;
    rng->device = device;
    rng->state = RNG_STARTED;
    return virtio_rng_open(device, &rng->pci, "rng", cpus_get(0)->boot.apic_id);
}

static size_t read(random_source_t *source, uint8_t *buf, size_t len) {
    rng_t *rng = (rng_t *)source;
    len = len < VIRTIO_RNG_MAX ? len : VIRTIO_RNG_MAX;
    const char *problem = rng->state == RNG_NOTED ? start(rng) : NULL;
    if (!problem && rng->state == RNG_STARTED) {
        problem = ask(rng->device, len);
    }
    if (problem) {
        rng->state = RNG_BROKEN;
        console_report("rng", "the device is not used", problem);
    }
    return rng->state == RNG_STARTED ? virtio_rng_take(rng->device, buf, len) : 0;
}

static bool is_noted(const pci_function_t *function) {
    for (unsigned i = 0; i < RNGS_MAX; ++i) {
        if (rngs[i].state != RNG_NONE && pci_is_same(&rngs[i].pci, function)) {
            return true;
        }
    }
    return false;
}

static rng_t *free_place(void) {
    unsigned i = 0;
    while (i < RNGS_MAX && rngs[i].state != RNG_NONE) {
        ++i;
    }
    return i < RNGS_MAX ? &rngs[i] : NULL;
}

void rng_attach(const pci_function_t *function) {
    mutex_lock(&lock);
    rng_t *rng = is_noted(function) ? NULL : free_place();
    if (rng) {
        memset(rng, 0, sizeof(*rng));
        rng->source.read = read;
        rng->state = RNG_NOTED;
        rng->pci = *function;
        random_add_source(&rng->source);
    }
    mutex_unlock(&lock);
}

static void detach(rng_t *rng) {
    random_remove_source(&rng->source);
    // What does not reset keeps its memory.
    if (rng->device && virtio_rng_close(rng->device)) {
        kfree(rng->device, sizeof(*rng->device));
    }
    rng->state = RNG_NONE;
}

void rng_detach(uint16_t segment, uint8_t slot) {
    mutex_lock(&lock);
    for (unsigned i = 0; i < RNGS_MAX; ++i) {
        rng_t *rng = &rngs[i];
        if (rng->state != RNG_NONE && rng->pci.segment == segment && rng->pci.slot == slot) {
            detach(rng);
        }
    }
    mutex_unlock(&lock);
}
