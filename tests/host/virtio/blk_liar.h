/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* tests/host/virtio/liar.h as a block device. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_VIRTIO_BLK_LIAR_H
#define MICROPY_INCLUDED_TESTS_HOST_VIRTIO_BLK_LIAR_H

#include "tests/host/virtio/blk_model.h"
#include "tests/host/virtio/liar.h"

static void liar_end(unsigned queue) {
    uint16_t head = script_number(2);
    if (blk_find_taken(queue, &head)) {
        static const uint8_t statuses[] = { 0, 0, 0, 0, 0, 0, 1, 2 };
        blk_device.next_status = statuses[script_byte() % sizeof(statuses)];
        blk_end(queue, head);
    }
}

/* What an honest device may do. */
static void liar_step_honestly(uint8_t what) {
    unsigned queue;
    switch (what % 8) {
        case 0:
        case 1:
            blk_take(liar_queue());
            break;
        case 2:
        case 3:
            liar_end(liar_queue());
            break;
        case 4:
            queue = liar_queue();
            liar_end(queue);
            device_signal(queue);
            break;
        case 5:
            device_signal(liar_queue());
            break;
        case 6:
            queue = liar_queue();
            for (unsigned i = 0; i < 8; ++i) {
                blk_take(queue);
                liar_end(queue);
            }
            device_signal(queue);
            break;
        default:
            if (liar.changes++ < CHANGES_MAX) {
                blk_set_capacity(script_number(2) % BLK_SECTORS_MAX);
                device_config_change();
            }
    }
}

/* A request is added and shown at once. */
static bool liar_was_shown_all(unsigned queue) {
    (void)queue;
    return true;
}

/* A status. */
static void liar_write(unsigned queue) {
    ring_model_t *ring = &device.queue[queue].ring;
    if (!ring->live) {
        return;
    }
    uint16_t head = script_number(2) % ring->size;
    if (ring->chain[head].pieces) {
        uint8_t status = script_byte();
        ring_copy(&ring->chain[head], true, ring_len(&ring->chain[head], true) - 1, &status, 1);
    }
}

#endif // MICROPY_INCLUDED_TESTS_HOST_VIRTIO_BLK_LIAR_H
