/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A machine with a virtio block device and its user, for unit tests. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_VIRTIO_BLK_WORLD_H
#define MICROPY_INCLUDED_TESTS_HOST_VIRTIO_BLK_WORLD_H

#include "tests/host/check.h"
#include "tests/host/virtio/blk_model.h"
#include "tests/host/virtio/blk_user.h"
#include "tests/host/virtio/machine.h"

#define SECTOR 512
#define NEAR_BAR 0xe7f80000u
#define FAR_BAR 0x3fffff800000ull

static inline void start(const blk_options_t *options) {
    machine_start();
    user = (user_t) { .apic_id = 5 };
    pci_model_start(1, options->rules == RULES_CLOUD_HYPERVISOR);
    blk_make(options);
    pci_model_plug(&device.pci);
}

static inline void open_disk(const blk_options_t *options) {
    start(options);
    CHECK_EQ((uintptr_t)user_open(options->queues), 0);
}

static inline void close_disk(void) {
    CHECK(user_close());
    for (unsigned i = 0; i < device.vector_count; ++i) {
        CHECK(device.vector[i].word[3] & 1); // Masked.
    }
    CHECK_EQ(machine_end(), 0);
    device_end();
}

static const blk_options_t usual_of_qemu = {
    .rules = RULES_QEMU,
    .features = BLK_F_SEG_MAX | BLK_F_BLK_SIZE | BLK_F_FLUSH | BLK_F_TOPOLOGY | BLK_F_CONFIG_WCE | BLK_F_MQ
        | BLK_F_DISCARD | BLK_F_WRITE_ZEROES | MODEL_F_INDIRECT_DESC | MODEL_F_EVENT_IDX | MODEL_F_VERSION_1,
    .queues = 1,
    .queue_size = 256,
    .bar = FAR_BAR,
    .sectors = BLK_SECTORS_MAX,
    .block_size = 512,
    .seg_max = 254,
    .discard_max = 1000,
    .zeroes_max = 1000,
};

static inline void fill(uint8_t *data, size_t len, unsigned seed) {
    for (size_t i = 0; i < len; ++i) {
        data[i] = seed + i * 7 + i / 251;
    }
}

/* One request, until it is done. */
static inline uint8_t transfer(unsigned queue, virtio_blk_type_t type, uint64_t sector, uint8_t *data, uint32_t len, unsigned segments) {
    user_request_t *request = user_submit(queue, type, sector, type == VIRTIO_BLK_OUT ? data : NULL, len, segments, 0, NULL);
    blk_run();
    CHECK_EQ(request->state, USER_DONE);
    if (type == VIRTIO_BLK_IN || type == VIRTIO_BLK_GET_ID) {
        memcpy(data, request->data, len);
    }
    uint8_t result = request->blk.result;
    user_forget(request);
    return result;
}

static inline uint8_t command(virtio_blk_type_t type, uint64_t sector, uint32_t sectors) {
    user_request_t *request = user_submit(0, type, sector, NULL, 0, 0, sectors, NULL);
    blk_run();
    CHECK_EQ(request->state, USER_DONE);
    uint8_t result = request->blk.result;
    user_forget(request);
    return result;
}

/* The same for all tests: requests of all sizes in no order. */
static uint64_t random_state = 1;

static inline unsigned random_below(unsigned limit) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (random_state >> 33) % limit;
}

#endif // MICROPY_INCLUDED_TESTS_HOST_VIRTIO_BLK_WORLD_H
