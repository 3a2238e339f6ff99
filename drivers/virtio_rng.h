/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A virtio entropy device: virtio 1.2, 5.4. It is asked for some bytes, and asked no more until it has answered. Who
 * waits for it is kernel/rng.c. Thread context, one caller at a time, unless it says otherwise. */
#ifndef MICROPY_INCLUDED_DRIVERS_VIRTIO_RNG_H
#define MICROPY_INCLUDED_DRIVERS_VIRTIO_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot/spinlock.h"
#include "drivers/virtio.h"

#define VIRTIO_RNG_MAX 64 /* Bytes of an answer. */

/* Memory of driver_address(): the device and interrupts reach it. */
typedef struct _virtio_rng_t {
    virtio_device_t virtio;
    virtio_queue_t queue;
    spinlock_t lock;               /* Of the ring. */
    uint32_t state;                /* What was asked and answered: drivers/virtio_rng.c. A word to wait on. */
    uint32_t written;              /* Bytes of the answer, before the state says that it is there. */
    bool is_lost;                  /* It did not reset: it may write into `bytes` for ever. */
    uint8_t bytes[VIRTIO_RNG_MAX];
    /* Called in interrupt context when the state has changed. */
    void (*on_answer)(struct _virtio_rng_t *rng);
} virtio_rng_t;

/* Starts the device. `rng` is zeroed but for on_answer; its interrupt goes to the CPU of that APIC id; `name` (for people) stays in
 * use. Returns what is wrong, for people: it is stopped then, and as after virtio_rng_close(); or NULL. */
const char *virtio_rng_open(virtio_rng_t *rng, const pci_function_t *function, const char *name, uint32_t apic_id);

/* Asks for `len` bytes, 1 to VIRTIO_RNG_MAX; not where an earlier answer is still awaited, or was not taken. False
 * where the queue has stopped. */
bool virtio_rng_ask(virtio_rng_t *rng, size_t len);

/* Whether the answer is still to come: as long as `state` is what this stores. */
bool virtio_rng_is_awaited(const virtio_rng_t *rng, uint32_t *state);

/* Takes the answer, `len` bytes at most, and keeps none of it. Returns how many; 0: there is none. */
size_t virtio_rng_take(virtio_rng_t *rng, void *out, size_t len);

/* Resets it, and starts it again. What is wrong, or NULL. */
const char *virtio_rng_restart(virtio_rng_t *rng);

/* Why the queue has stopped by itself, or NULL. */
static inline const char *virtio_rng_problem(const virtio_rng_t *rng) {
    return rng->queue.ring.problem;
}

/* Ends all of it. False where the device did not reset: `rng` must stay where it is then. */
bool virtio_rng_close(virtio_rng_t *rng);

#endif // MICROPY_INCLUDED_DRIVERS_VIRTIO_RNG_H
