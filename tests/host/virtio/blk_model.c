/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "tests/host/check.h"
#include "tests/host/virtio/blk_model.h"
#include "tests/host/virtio/machine.h"

#define TYPE_BLK 2
#define SECTOR 512

enum {
    IN = 0,
    OUT = 1,
    FLUSH = 4,
    GET_ID = 8,
    DISCARD = 11,
    WRITE_ZEROES = 13,
};

enum {
    OK,
    IO_ERROR,
    UNSUPPORTED,
};

blk_model_t blk_device;

const blk_options_t blk_usual = {
    .rules = RULES_CLOUD_HYPERVISOR,
    .features = BLK_CLOUD_HYPERVISOR,
    .queues = 1,
    .queue_size = 128,
    .bar = 0xe7f80000,
    .sectors = BLK_SECTORS_MAX,
    .block_size = 512,
    .seg_max = 126,
    .discard_max = 256,
    .zeroes_max = 128,
};

static void set(unsigned offset, unsigned width, uint64_t value) {
    memcpy(device.config + offset, &value, width);
}

void blk_set_capacity(uint64_t sectors) {
    set(0, 8, sectors);
}

/* 5.2.4 */
void blk_make(const blk_options_t *options) {
    device_make(options->rules, TYPE_BLK, options->features, options->queues, options->queue_size, options->bar);
    device.config_len = 60;
    blk_set_capacity(options->sectors);
    set(8, 4, options->size_max);
    set(12, 4, options->seg_max);
    set(20, 4, options->block_size);
    set(34, 2, options->features & BLK_F_MQ ? options->queues : 0);
    set(36, 4, options->discard_max);
    set(40, 4, 1);
    set(48, 4, options->zeroes_max);
    set(52, 4, 1);
    blk_device.flushes = blk_device.discards = blk_device.requests = blk_device.errors = blk_device.next_status = 0;
    blk_device.ended = NULL;
}

static bool lies_on_disk(uint64_t sector, uint64_t sectors) {
    uint64_t capacity;
    memcpy(&capacity, device.config, sizeof(capacity));
    capacity = capacity < BLK_SECTORS_MAX ? capacity : BLK_SECTORS_MAX;
    return sector <= capacity && sectors <= capacity - sector;
}

static uint8_t transfer(const ring_chain_t *chain, bool in, uint64_t sector, uint32_t len) {
    if (len % SECTOR || !lies_on_disk(sector, len / SECTOR)) {
        return IO_ERROR;
    }
    uint8_t *data = blk_device.disk + sector * SECTOR;
    CHECK_EQ(ring_copy(chain, in, in ? 0 : 16, data, len), len);
    return OK;
}

/* 5.2.6, with one segment only. */
static uint8_t change_range(const ring_chain_t *chain, uint32_t type) {
    struct {
        uint64_t sector;
        uint32_t count, flags;
    } range;
    unsigned limit_offset = type == DISCARD ? 36 : 48;
    uint32_t limit;
    memcpy(&limit, device.config + limit_offset, sizeof(limit));
    if (ring_len(chain, false) != 32 || ring_copy(chain, false, 16, (uint8_t *)&range, 16) != 16) {
        return IO_ERROR;
    }
    if (range.flags || range.count > limit || !lies_on_disk(range.sector, range.count)) {
        return range.flags ? UNSUPPORTED : IO_ERROR;
    }
    blk_device.discards += type == DISCARD;
    memset(blk_device.disk + range.sector * SECTOR, 0, range.count * SECTOR);
    return OK;
}

static uint8_t do_request(const ring_chain_t *chain, uint32_t *written) {
    struct {
        uint32_t type, reserved;
        uint64_t sector;
    } header;
    ring_copy(chain, false, 0, (uint8_t *)&header, sizeof(header));
    uint32_t in = ring_len(chain, true) - 1, out = ring_len(chain, false) - sizeof(header);
    CHECK(header.reserved == 0 || machine.lies);
    CHECK(header.type <= OUT || !header.sector || machine.lies);
    if (device.accepted & BLK_F_RO && header.type != IN && header.type != FLUSH && header.type != GET_ID) {
        return IO_ERROR;
    }
    switch (header.type) {
        case IN:
            *written = in;
            return out ? IO_ERROR : transfer(chain, true, header.sector, in);
        case OUT:
            return in ? IO_ERROR : transfer(chain, false, header.sector, out);
        case FLUSH:
            ++blk_device.flushes;
            return device.accepted & BLK_F_FLUSH && !header.sector ? OK : UNSUPPORTED;
        case GET_ID:
            return ring_copy(chain, true, 0, (uint8_t *)BLK_ID, 20) == 20 ? OK : IO_ERROR;
        case DISCARD:
            return device.accepted & BLK_F_DISCARD ? change_range(chain, header.type) : UNSUPPORTED;
        case WRITE_ZEROES:
            return device.accepted & BLK_F_WRITE_ZEROES ? change_range(chain, header.type) : UNSUPPORTED;
        default:
            return UNSUPPORTED;
    }
}

/* Cloud Hypervisor wants the header, the data and the status in descriptors of their own: 5.2.6 with its limits. */
static void check_shape(const ring_chain_t *chain) {
    CHECK(chain->count >= 2);
    const ring_piece_t *first = &chain->pieces[0], *last = &chain->pieces[chain->count - 1];
    CHECK(first->len == 16 && !first->writable);
    CHECK(last->len == 1 && last->writable);
    uint32_t seg_max, size_max;
    memcpy(&size_max, device.config + 8, sizeof(size_max));
    memcpy(&seg_max, device.config + 12, sizeof(seg_max));
    CHECK(machine.lies || !(device.offered & BLK_F_SEG_MAX) || !seg_max || chain->count - 2 <= seg_max);
    for (unsigned i = 1; i + 1 < chain->count; ++i) {
        CHECK(machine.lies || !(device.offered & BLK_F_SIZE_MAX) || !size_max || chain->pieces[i].len <= size_max);
    }
}

bool blk_take(unsigned queue) {
    ring_model_t *ring = &device.queue[queue].ring;
    uint16_t head;
    if (!ring->live || !ring->awake || !device_may_master()) {
        return false;
    }
    if (!ring_take(ring, &head)) {
        ring_sleep(ring);
        return ring->awake;
    }
    check_shape(&ring->chain[head]);
    return true;
}

void blk_end(unsigned queue, uint16_t head) {
    ring_model_t *ring = &device.queue[queue].ring;
    const ring_chain_t *chain = &ring->chain[head];
    uint32_t written = 0;
    uint8_t status = blk_device.next_status;
    blk_device.next_status = OK;
    if (status == OK) {
        status = do_request(chain, &written);
    }
    ++blk_device.requests;
    blk_device.errors += status != OK;
    ring_copy(chain, true, ring_len(chain, true) - 1, &status, 1);
    if (blk_device.ended) {
        blk_device.ended(chain->pieces[0].paddr, status);
    }
    ring_return(ring, head, status == OK ? written + 1 : 1);
}

bool blk_find_taken(unsigned queue, uint16_t *head) {
    const ring_model_t *ring = &device.queue[queue].ring;
    for (unsigned i = 0; ring->live && device_may_master() && i < ring->size; ++i) {
        uint16_t at = (*head + i) % ring->size;
        if (ring->chain[at].pieces && ring->chain[at].taken) {
            *head = at;
            return true;
        }
    }
    return false;
}

void blk_run(void) {
    bool more = true;
    while (more) {
        more = false;
        for (unsigned i = 0; i < device.queue_count; ++i) {
            more = blk_take(i) || more;
            uint16_t head = 0;
            while (blk_find_taken(i, &head)) {
                blk_end(i, head);
                device_signal(i);
                more = true;
            }
        }
        machine_take_interrupts();
        more = machine_has_interrupts() || more;
    }
}
