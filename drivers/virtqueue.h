/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A split virtqueue, the driver's side: virtio 1.2, 2.7. Nothing that the device writes is trusted: what it has of
 * ours is kept here as well, and is checked against that. Where the device breaks a rule, the queue is stopped and
 * says why.
 *
 * Not locked: one caller at a time, in any context. */
#ifndef MICROPY_INCLUDED_DRIVERS_VIRTQUEUE_H
#define MICROPY_INCLUDED_DRIVERS_VIRTQUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drivers/driver.h"

#define VIRTQUEUE_SIZE_MAX 1024

/* A piece of memory as a device sees it: laid out as a descriptor is (2.7.5), so that several are a table of them. */
typedef struct _dma_segment_t {
    uint64_t paddr;
    uint32_t len;      /* Not 0. */
    uint16_t flags, next; /* drivers/virtqueue.c */
} dma_segment_t;

static inline dma_segment_t dma_segment(uint64_t paddr, uint32_t len) {
    return (dma_segment_t) { .paddr = paddr, .len = len };
}

/* A chain of more segments is a table of its own, where the device knows those: a descriptor of the ring names it. So
 * the ring has room for it as soon as it has any, and long chains do not wait while short ones go on. */
#define VIRTQUEUE_DIRECT_MAX 4

/* What is known of a descriptor, whatever the device makes of the one it sees. */
typedef struct _virtqueue_slot_t {
    void *token;       /* Of the first descriptor of a chain that the device has; else NULL. */
    uint32_t writable; /* Of that chain: bytes that the device may write. */
    uint16_t count : 15; /* And its descriptors. */
    uint16_t shown : 1; /* The device was shown it: it may come back. */
    uint16_t next;     /* The next one of the chain, or of those that are free. */
} virtqueue_slot_t;

typedef struct _virtqueue_t {
    dma_segment_t *desc;            /* What the device sees. */
    volatile uint16_t *avail;
    volatile uint16_t *used;
    virtqueue_slot_t *slots;
    uint16_t *heads;                /* The first descriptors of chains, as `avail` has them. */
    uint16_t size;                  /* A power of two; 0: it is not made. */
    uint16_t index;                 /* Which of the device's it is. */
    bool event_idx;                 /* VIRTIO_F_EVENT_IDX was negotiated. */
    bool indirect;                  /* VIRTIO_F_INDIRECT_DESC was. */
    bool any_length;                /* The device is known to return lengths that mean nothing. */
    uint16_t free, free_count;      /* Descriptors that the device does not have. */
    uint16_t chains;                /* Chains that it has. */
    uint16_t avail_index, told_index; /* Of our ring: what was put there, and what the device was told of. */
    uint16_t used_index;            /* Of its ring: what was taken. */
    bool has_more;                  /* And virtqueue_wait() has seen that there is more. */
    bool quiet;                     /* The device was told not to interrupt. */
    mmio_t notify;                  /* Where it is told. */
    const char *problem;            /* Why the queue is stopped; NULL: it is not. */
} virtqueue_t;

/* Memory for a queue of `size` descriptors, a power of two up to VIRTQUEUE_SIZE_MAX. False where it is missing.
 * Thread context. */
bool virtqueue_alloc(virtqueue_t *queue, uint16_t size);
void virtqueue_free(virtqueue_t *queue);

/* As new: the device has been reset, and has nothing any more. */
void virtqueue_reset(virtqueue_t *queue);

/* Where the device is told that they are: descriptor table, available ring, used ring. */
void virtqueue_addresses(const virtqueue_t *queue, uint64_t addresses[3]);

/* Offers a chain: `out` segments that the device reads, then `in` segments that it writes; one at least and no more
 * than the queue's size, all of them RAM until the chain comes back with `token` (not NULL) or the device is reset. So
 * are `segments` themselves, in one physical piece, if they are more than VIRTQUEUE_DIRECT_MAX. False where that many
 * descriptors are not free, or the queue is stopped. */
bool virtqueue_add(virtqueue_t *queue, dma_segment_t *segments, unsigned out, unsigned in, void *token);

/* Shows the device what was added. True: it wants to be told, by virtqueue_notify(). */
bool virtqueue_publish(virtqueue_t *queue);

/* Tells the device: costs a VM exit. Needs no lock. */
void virtqueue_notify(const virtqueue_t *queue);

/* Takes back a chain that the device is done with: its token, and how many bytes it says that it has written, at most
 * what it could. NULL where there is none, or the queue is stopped. */
void *virtqueue_take(virtqueue_t *queue, uint32_t *written);

/* Has the device interrupt when the next chain comes back. False: one has come already, and may have been missed. */
bool virtqueue_wait(virtqueue_t *queue);

/* Has the device not interrupt until virtqueue_wait(): it may nevertheless, seldom. */
void virtqueue_quiet(virtqueue_t *queue);

/* Any chain that the device has, taken from it after its reset: its token; NULL when it has none. */
void *virtqueue_take_unfinished(virtqueue_t *queue);

#endif // MICROPY_INCLUDED_DRIVERS_VIRTQUEUE_H
