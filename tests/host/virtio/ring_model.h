/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A split virtqueue, the device's side, written from virtio 1.2, 2.7, for devices that run only when they were told.
 * What the driver puts there is checked at once, and kept: memory that nobody gave, a descriptor that is in use, an
 * index that goes back end the program. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_VIRTIO_RING_MODEL_H
#define MICROPY_INCLUDED_TESTS_HOST_VIRTIO_RING_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define RING_MODEL_SIZE_MAX 1024

/* A descriptor as it was offered. */
typedef struct _ring_piece_t {
    uint64_t paddr;
    uint32_t len;
    bool writable;
} ring_piece_t;

typedef struct _ring_chain_t {
    ring_piece_t *pieces;   /* NULL: there is no such chain. */
    unsigned count;
    bool taken;             /* The device is about it. */
    ring_piece_t table;     /* Where these are, unless in the ring; */
    const uint8_t *table_memory; /* NULL: there. */
} ring_chain_t;

typedef struct _ring_model_t {
    /* As set up. */
    uint16_t size;
    uint64_t desc_paddr, avail_paddr, used_paddr;
    bool event_idx;
    bool indirect;
    bool quiet;             /* Says NO_NOTIFY while it runs: 2.7.10, where event_idx was not negotiated. */
    bool heeds_no_interrupt; /* 2.7.7 */
    bool forgets;           /* Where devices may lie: a chain is over when its first descriptor is offered again, as
                             * nobody can see when the driver gets it back. */

    bool live;
    bool awake;             /* It was told, or has not gone to sleep since. */
    uint8_t *desc;
    volatile uint16_t *avail, *used;
    uint16_t seen;          /* Of the available ring: what is checked and kept; */
    uint16_t taken;         /* what the device has taken. */
    uint16_t used_index;    /* Of the used ring: what is there; */
    uint16_t signalled;     /* what an interrupt has been considered for. */
    unsigned offered;       /* Chains that are here. */
    ring_chain_t *chain;    /* By their heads: `size`. */
    uint16_t *head_of;      /* Of a descriptor in use, 1 + that; else 0. */
    unsigned notifications, sleeps;             /* Counted. */
} ring_model_t;

/* The queue goes live. False: the driver's addresses make no sense. */
bool ring_start(ring_model_t *ring);

/* Forgets all. */
void ring_stop(ring_model_t *ring);

/* Whether the addresses that the driver gave are of memory that is there, and apart. */
bool ring_is_sound(const ring_model_t *ring);

/* Whether any of its memory, if it has some, lies there. */
bool ring_knows(const ring_model_t *ring, uint64_t paddr, uint64_t len);

/* Checks and keeps what the driver has offered until now. */
void ring_observe(ring_model_t *ring);

/* The next chain, in order. False: there is none. */
bool ring_take(ring_model_t *ring, uint16_t *head);

/* There was none: says what it wants to be told of, and is asleep unless there is one now. */
void ring_sleep(ring_model_t *ring);

/* Returns a chain, having written `len` bytes; and forgets it. */
void ring_return(ring_model_t *ring, uint16_t head, uint32_t len);

/* Puts any element there. */
void ring_push(ring_model_t *ring, uint32_t id, uint32_t len);

/* The driver has got that chain back, whatever the device thinks. */
void ring_forget(ring_model_t *ring, uint16_t head);

/* Whether the driver wants an interrupt for what was returned since the last time. */
bool ring_wants_interrupt(ring_model_t *ring);

/* Bytes of a chain's pieces, of one direction, from an offset on. Returns how many there were. */
uint32_t ring_copy(const ring_chain_t *chain, bool writable, uint32_t offset, uint8_t *bytes, uint32_t len);
uint32_t ring_len(const ring_chain_t *chain, bool writable);

#endif // MICROPY_INCLUDED_TESTS_HOST_VIRTIO_RING_MODEL_H
