/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "drivers/virtio_rng.h"

/* The one queue that it has: virtio 1.2, 5.4.2. It has neither features nor configuration. */
#define REQUESTS 0
#define QUEUE_SIZE 2

enum {
    IDLE,
    AWAITED,  // The device has `bytes`.
    ANSWERED,
};

static void set_state(virtio_rng_t *rng, uint32_t state) {
    __atomic_store_n(&rng->state, state, __ATOMIC_RELEASE);
}

static void on_used(void *ctx) {
    virtio_rng_t *rng = ctx;
    bool has_changed = false;
    uint64_t flags = spin_lock_irqsave(&rng->lock);
    do {
        while (virtqueue_take(&rng->queue.ring, &rng->written)) {
            set_state(rng, ANSWERED);
            has_changed = true;
        }
    } while (!virtqueue_wait(&rng->queue.ring));
    if (virtio_rng_problem(rng)) {
        set_state(rng, IDLE);
        has_changed = true;
    }
    spin_unlock_irqrestore(&rng->lock, flags);
    if (has_changed) {
        rng->on_answer(rng);
    }
}

static const char *start(virtio_rng_t *rng, const pci_function_t *function, const char *name, uint32_t apic_id) {
    const char *problem = virtio_open(&rng->virtio, function, 1);
    if (!problem) {
        problem = virtio_negotiate(&rng->virtio, 0);
    }
    return problem ? problem
        : virtio_add_queue(&rng->virtio, &rng->queue, REQUESTS, QUEUE_SIZE, name, on_used, rng, apic_id);
}

const char *virtio_rng_open(virtio_rng_t *rng, const pci_function_t *function, const char *name, uint32_t apic_id) {
    spin_init(&rng->lock, LOCK_RANK_DEVICE_QUEUE);
    const char *problem = start(rng, function, name, apic_id);
    if (problem) {
        virtio_rng_close(rng);
    } else {
        virtio_start(&rng->virtio);
    }
    return problem;
}

bool virtio_rng_ask(virtio_rng_t *rng, size_t len) {
    if (__atomic_load_n(&rng->state, __ATOMIC_ACQUIRE) != IDLE) {
        return true; // An answer may have come late.
    }
    dma_segment_t segment = dma_segment(driver_address(rng->bytes), len);
    uint64_t flags = spin_lock_irqsave(&rng->lock);
    set_state(rng, AWAITED);
    bool added = virtqueue_add(&rng->queue.ring, &segment, 0, 1, rng);
    bool notify = virtqueue_publish(&rng->queue.ring);
    if (!added) {
        set_state(rng, IDLE);
    }
    spin_unlock_irqrestore(&rng->lock, flags);
    if (notify) {
        virtqueue_notify(&rng->queue.ring);
    }
    return added;
}

bool virtio_rng_is_awaited(const virtio_rng_t *rng, uint32_t *state) {
    *state = __atomic_load_n(&rng->state, __ATOMIC_ACQUIRE);
    return *state == AWAITED;
}

size_t virtio_rng_take(virtio_rng_t *rng, void *out, size_t len) {
    uint32_t state;
    if (virtio_rng_is_awaited(rng, &state) || state != ANSWERED) {
        return 0;
    }
    len = rng->written < len ? rng->written : len;
    memcpy(out, rng->bytes, len);
    // Zeros are what a device gives that answers without writing.
    memset(rng->bytes, 0, sizeof(rng->bytes));
    set_state(rng, IDLE);
    return len;
}

/* The device has nothing of ours any more. */
static bool reset(virtio_rng_t *rng) {
    if (rng->virtio.common && !virtio_reset(&rng->virtio)) {
        rng->is_lost = true;
    }
    return !rng->is_lost;
}

const char *virtio_rng_restart(virtio_rng_t *rng) {
    if (!reset(rng)) {
        return "it does not reset";
    }
    const char *problem = virtio_negotiate(&rng->virtio, 0);
    if (!problem) {
        uint64_t flags = spin_lock_irqsave(&rng->lock);
        problem = virtio_restart_queue(&rng->virtio, &rng->queue);
        set_state(rng, IDLE);
        spin_unlock_irqrestore(&rng->lock, flags);
    }
    if (!problem) {
        virtio_start(&rng->virtio);
    }
    return problem;
}

bool virtio_rng_close(virtio_rng_t *rng) {
    bool ok = reset(rng);
    virtio_disconnect_queue(&rng->virtio, &rng->queue);
    if (ok) {
        virtqueue_free(&rng->queue.ring);
    }
    return ok;
}
