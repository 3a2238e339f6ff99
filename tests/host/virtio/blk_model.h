/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A virtio block device with a disk in memory: virtio 1.2, 5.2, with the limits that Cloud Hypervisor's has. It does
 * something only when it is told to: which request it takes, and which of those it ends, the test says. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_VIRTIO_BLK_MODEL_H
#define MICROPY_INCLUDED_TESTS_HOST_VIRTIO_BLK_MODEL_H

#include "tests/host/virtio/virtio_model.h"

/* 5.2.3 */
#define BLK_F_SIZE_MAX (1ull << 1)
#define BLK_F_SEG_MAX (1ull << 2)
#define BLK_F_RO (1ull << 5)
#define BLK_F_BLK_SIZE (1ull << 6)
#define BLK_F_FLUSH (1ull << 9)
#define BLK_F_TOPOLOGY (1ull << 10)
#define BLK_F_CONFIG_WCE (1ull << 11)
#define BLK_F_MQ (1ull << 12)
#define BLK_F_DISCARD (1ull << 13)
#define BLK_F_WRITE_ZEROES (1ull << 14)

/* What Cloud Hypervisor offers for a plain file, sparse. */
#define BLK_CLOUD_HYPERVISOR (BLK_F_SEG_MAX | BLK_F_BLK_SIZE | BLK_F_FLUSH | BLK_F_TOPOLOGY | BLK_F_CONFIG_WCE \
    | BLK_F_DISCARD | BLK_F_WRITE_ZEROES | MODEL_F_INDIRECT_DESC | MODEL_F_EVENT_IDX | MODEL_F_VERSION_1)

#define BLK_ID "serial-number-0123456" /* Of which 20 bytes are said. */
#define BLK_SECTORS_MAX 1024

typedef struct _blk_options_t {
    virtio_rules_t rules;
    uint64_t features;
    unsigned queues;
    uint16_t queue_size;
    uint64_t bar;
    uint64_t sectors;         /* Up to BLK_SECTORS_MAX are there; what is beyond fails. */
    uint32_t block_size, seg_max, size_max, discard_max, zeroes_max;
} blk_options_t;

/* Cloud Hypervisor's with one queue of 128, and a disk of BLK_SECTORS_MAX sectors. */
extern const blk_options_t blk_usual;

typedef struct _blk_model_t {
    uint8_t disk[BLK_SECTORS_MAX * 512];
    unsigned flushes, discards, requests, errors; /* Counted. */
    uint8_t next_status;                          /* What the next request ends with instead of 0. */
    void (*ended)(uint64_t header_paddr, uint8_t status); /* Called for each, before the driver can know; NULL: nothing. */
} blk_model_t;

extern blk_model_t blk_device;

/* Makes `device` one. The disk is what it was. */
void blk_make(const blk_options_t *options);
void blk_set_capacity(uint64_t sectors);

/* Takes the next request of a queue that is awake. False: there is none, or it sleeps now. */
bool blk_take(unsigned queue);

/* Does a request that was taken: data, status, used ring. No interrupt yet. */
void blk_end(unsigned queue, uint16_t head);

/* A request that was taken and not ended: the first one from `head` on, circularly. False: there is none. */
bool blk_find_taken(unsigned queue, uint16_t *head);

/* Takes and ends all that it is told of, in order, with an interrupt after each; and interrupts come. Until nothing
 * happens any more. */
void blk_run(void);

#endif // MICROPY_INCLUDED_TESTS_HOST_VIRTIO_BLK_MODEL_H
