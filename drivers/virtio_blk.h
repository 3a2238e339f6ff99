/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A virtio block device: virtio 1.2, 5.2. Requests are asynchronous; who waits for them is kernel/disk.c. */
#ifndef MICROPY_INCLUDED_DRIVERS_VIRTIO_BLK_H
#define MICROPY_INCLUDED_DRIVERS_VIRTIO_BLK_H

#include <stdbool.h>
#include <stdint.h>

#include "boot/spinlock.h"
#include "drivers/virtio.h"

/* The unit of all addresses here, whatever the device's blocks are: 5.2.4. */
#define VIRTIO_BLK_SECTOR 512

#define VIRTIO_BLK_ID_SIZE 20

/* Request types: 5.2.6. */
typedef enum _virtio_blk_type_t {
    VIRTIO_BLK_IN = 0,
    VIRTIO_BLK_OUT = 1,
    VIRTIO_BLK_FLUSH = 4,
    VIRTIO_BLK_GET_ID = 8,         /* VIRTIO_BLK_ID_SIZE bytes of text, filled up with NULs. */
    VIRTIO_BLK_DISCARD = 11,
    VIRTIO_BLK_WRITE_ZEROES = 13,
} virtio_blk_type_t;

typedef enum _virtio_blk_result_t {
    VIRTIO_BLK_OK,
    VIRTIO_BLK_ERROR,              /* The device says so, or does not say that it is done. */
    VIRTIO_BLK_UNSUPPORTED,
    VIRTIO_BLK_GONE,               /* The device was reset before it was done. */
} virtio_blk_result_t;

/* Kernel memory at a multiple of 16: the device and interrupts reach it. */
typedef struct _virtio_blk_request_t {
    struct {
        uint32_t type, reserved;
        uint64_t sector;
    } header;                      /* 5.2.6 */
    struct {
        uint64_t sector;
        uint32_t count, flags;
    } range;                       /* Of DISCARD and WRITE_ZEROES. */
    uint8_t status;
    uint8_t result;                /* virtio_blk_result_t, when `done` is called. */
    uint32_t expected;             /* Bytes that the device has to write. */
    /* Called when the device is done with it: in any context, with the queue's lock held. */
    void (*done)(struct _virtio_blk_request_t *request);
} virtio_blk_request_t;

typedef struct _virtio_blk_queue_t {
    virtio_queue_t virtio;
    spinlock_t lock;               /* Of the ring, and of: */
    bool live;                     /* The device takes requests. */
    uint32_t completions;          /* How often `done` was called. A word to wait on. */
    struct _virtio_blk_t *blk;
} virtio_blk_queue_t;

typedef struct _virtio_blk_t {
    virtio_device_t virtio;
    virtio_blk_queue_t *queues;
    uint16_t queue_count;
    uint32_t queue_bytes;          /* The size of `queues`: some may not have come to be. */
    uint64_t sectors;              /* The capacity: below 2^54. */
    uint32_t block_size;           /* Bytes: a power of two, 512 to 65536. */
    uint32_t segments_max;         /* Of a request's data. */
    uint32_t segment_size_max;     /* Bytes. */
    uint32_t discard_max, zeroes_max; /* Sectors in one request; 0: it cannot. */
    bool readonly;
    bool is_lost;                  /* It did not reset. */
    bool can_flush;                /* Else what was written is on the disk. */
    /* Called in any context when the device has changed its configuration, or wants a reset, or a queue has
     * stopped. */
    void (*on_change)(struct _virtio_blk_t *blk);
} virtio_blk_t;

/* Starts the device. `blk` is zeroed but for on_change, and kernel memory; `name` (for people) stays in use. Makes at most `queues_max` queues;
 * the interrupts of queue i go to the CPU of APIC id apic_id(i). Returns what is wrong, for people: it is
 * stopped then; or NULL. Thread context. */
const char *virtio_blk_open(virtio_blk_t *blk, const pci_function_t *function, const char *name, uint16_t queues_max,
    uint32_t (*apic_id)(unsigned queue));

/* Resets the device; what it had is done, with VIRTIO_BLK_GONE. False where it does not say that it is reset: it is
 * not to be used again then. Thread context; one caller at a time, as for all below. */
bool virtio_blk_stop(virtio_blk_t *blk);

/* Starts it again. As virtio_blk_open(). */
const char *virtio_blk_restart(virtio_blk_t *blk);

/* Ends its interrupts: the device is not touched any more. After virtio_blk_stop(). */
void virtio_blk_disconnect(virtio_blk_t *blk);

/* Gives back its memory, but what a device that did not reset may still know. After virtio_blk_disconnect(); nobody uses it. */
void virtio_blk_free(virtio_blk_t *blk);

/* Reads the capacity again. False where that fails, or makes no sense. */
bool virtio_blk_read_capacity(virtio_blk_t *blk);

/* Sends the interrupts where apic_id() says now. */
void virtio_blk_steer(virtio_blk_t *blk, uint32_t (*apic_id)(unsigned queue));

typedef enum _virtio_blk_submit_t {
    VIRTIO_BLK_SUBMITTED,
    VIRTIO_BLK_FULL,               /* Once `completions` has changed it may have room. */
    VIRTIO_BLK_STOPPED,            /* See why_stopped. */
} virtio_blk_submit_t;

/* Sends a request of `type` at `sector`, about `count` segments of data, at most segments_max: segments[1] to
 * segments[count]; the two around them are the driver's to fill in. All of them are kernel memory, at a multiple of 16, and
 * stay as they are until it is done. DISCARD and WRITE_ZEROES have no data, but `sectors`.
 * Only request->done is set before. Stores `completions` as it was. Thread context. */
virtio_blk_submit_t virtio_blk_submit(virtio_blk_queue_t *queue, virtio_blk_request_t *request, virtio_blk_type_t type,
    uint64_t sector, uint32_t sectors, dma_segment_t *segments, unsigned count, uint32_t *completions);

/* For who has waited for long: looks what the device has done, as its interrupt may be lost, and tells it of what it has, as
 * that may be lost, too. Thread context. */
void virtio_blk_nudge(virtio_blk_t *blk);

/* How many requests it has. Any context. */
unsigned virtio_blk_in_flight(const virtio_blk_t *blk);

/* Why a queue has stopped by itself, or NULL. Any context. */
const char *virtio_blk_problem(const virtio_blk_t *blk);

#endif // MICROPY_INCLUDED_DRIVERS_VIRTIO_BLK_H
