/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A device that does what a script says: honestly, at any time and in any order, which is blk_liar.h's and net_liar.h's
 * business; or, where devices may lie, what no device should do. It writes to memory that was given to it only: from
 * more than that, only an IOMMU protects. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_VIRTIO_LIAR_H
#define MICROPY_INCLUDED_TESTS_HOST_VIRTIO_LIAR_H

#include "tests/host/virtio/machine.h"
#include "tests/host/virtio/script.h"
#include "tests/host/virtio/virtio_model.h"

/* Changes of the configuration in one run: a driver gives up where there are too many at once. */
#define CHANGES_MAX 8

/* Time passes in leaps: a reset that never ends is one of few steps. */
#define LOOK_NS 10000000

static struct {
    unsigned lie_after;     /* Reads of registers until one is answered with a lie; 0: none is. */
    unsigned changes;
    bool silent;            /* It does nothing. */
    uint64_t steps;         /* Counted, of all runs. */
} liar;

/* Some number: a small one, one at a border, or any. */
static uint32_t liar_number(void) {
    static const uint32_t borders[] = { 0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff,
        0x80000000, 0xfffffff0, 0xfffffffe, 0xffffffff };
    uint8_t kind = script_byte();
    switch (kind & 3) {
        case 0:
            return kind >> 2;
        case 1:
            return borders[(kind >> 2) % (sizeof(borders) / sizeof(borders[0]))];
        case 2:
            return script_number(2);
        default:
            return script_number(4);
    }
}

static uint64_t liar_read(uint64_t value, unsigned width) {
    (void)width;
    return liar.lie_after && !--liar.lie_after ? liar_number() : value;
}

static unsigned liar_queue(void) {
    return script_byte() % device.queue_count;
}

/* What an honest device of the type may do; and what one that lies writes into memory that the queue's chains have. */
static void liar_step_honestly(uint8_t what);
static void liar_write(unsigned queue);

/* Whether the driver has nothing in the queue's descriptors that it has not shown yet: what it wrote there could not be
 * told from what the device did. */
static bool liar_was_shown_all(unsigned queue);

/* Writes anywhere into what the driver shares with it. */
static void liar_scribble(unsigned queue) {
    ring_model_t *ring = &device.queue[queue].ring;
    if (!ring_is_sound(ring)) {
        return;
    }
    uint16_t *desc = (uint16_t *)machine_memory(ring->desc_paddr, ring->size * 16);
    uint16_t *avail = (uint16_t *)machine_memory(ring->avail_paddr, 6 + 2 * ring->size);
    uint16_t *used = (uint16_t *)machine_memory(ring->used_paddr, 6 + 8 * ring->size);
    uint8_t what = script_byte();
    uint32_t number = liar_number();
    if ((what & 7) < 2 && !liar_was_shown_all(queue)) {
        return;
    }
    switch (what & 7) {
        case 0:
            desc[script_number(2) % (8 * ring->size)] = number;
            break;
        case 1:
            avail[2 + script_byte() % ring->size] = number;
            break;
        case 2:
            used[0] = number;
            break;
        case 3:
            used[1] = number;
            break;
        case 4:
            used[1] += (what >> 3) - 8;
            break;
        case 5:
            used[2 + 4 * ring->size] = number;
            break;
        default:
            used[2 + script_number(2) % (4 * ring->size)] = number;
    }
}

/* Some chain: one that is in the available ring, shown or not, or any. */
static void liar_push(ring_model_t *ring) {
    uint32_t id = liar_number(), len = liar_number();
    if (!ring->live) {
        return;
    }
    if (id & 1) {
        id = ring->avail[2 + id / 2 % ring->size];
    }
    ring_push(ring, id, len);
}

/* What no honest one does. */
static void liar_lie(uint8_t what) {
    unsigned queue = liar_queue();
    switch (what % 12) {
        case 0:
        case 1:
            liar_push(&device.queue[queue].ring);
            break;
        case 2:
        case 3:
            liar_scribble(queue);
            break;
        case 4:
            liar_write(queue);
            break;
        case 5:
            device_interrupt(queue);
            break;
        case 6:
            liar.lie_after = 1 + script_byte() % 64;
            break;
        case 7:
            device.config[script_byte() % device.config_len] = script_byte();
            device.generation += script_byte() & 1;
            break;
        case 8:
            device_needs_reset();
            break;
        case 9:
            liar.silent = script_byte() & 1;
            break;
        case 10:
            device.reset_looks = script_byte() & 1 ? script_byte() : -1u;
            machine.look_ns = LOOK_NS + script_number(4);
            break;
        default:
            device.pci.config[script_byte()] = script_byte();
    }
}

static void liar_step(void) {
    ++liar.steps;
    // What the driver has offered is checked before the device writes there itself.
    for (unsigned i = 0; i < device.queue_count; ++i) {
        if (device.queue[i].ring.live) {
            ring_observe(&device.queue[i].ring);
        }
    }
    uint8_t what = script_byte();
    if (!machine.lies || what & 0x80) {
        if (!liar.silent) {
            liar_step_honestly(what);
        }
    } else if (what != 0x7f) {
        liar_lie(what);
    } else if (script_byte() == 0) {
        device_take_out();
    }
}

#endif // MICROPY_INCLUDED_TESTS_HOST_VIRTIO_LIAR_H
