/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "drivers/virtio_blk.h"

/* Features: virtio 1.2, 5.2.3. */
#define F_SIZE_MAX (1ull << 1)
#define F_SEG_MAX (1ull << 2)
#define F_RO (1ull << 5)
#define F_BLK_SIZE (1ull << 6)
#define F_FLUSH (1ull << 9)
#define F_MQ (1ull << 12)
#define F_DISCARD (1ull << 13)
#define F_WRITE_ZEROES (1ull << 14)
#define FEATURES (F_SIZE_MAX | F_SEG_MAX | F_RO | F_BLK_SIZE | F_FLUSH | F_MQ | F_DISCARD | F_WRITE_ZEROES \
    | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX)

/* Configuration: 5.2.4. */
enum {
    CAPACITY = 0,
    SIZE_MAX_ = 8,
    SEG_MAX = 12,
    BLK_SIZE = 20,
    NUM_QUEUES = 34,
    MAX_DISCARD = 36,
    MAX_WRITE_ZEROES = 48,
};

#define CAPACITY_LIMIT (1ull << 54)
#define BLOCK_SIZE_LIMIT (1u << 16)

/* In flight: a third of it with one segment each. */
#define QUEUE_SIZE 256

/* Of a request, where each takes a descriptor of the ring: one with more would wait for most of the ring to be free, while
 * others take what there is. */
#define DIRECT_SEGMENTS 24

/* A request's status: 5.2.6. At first what no device writes. */
#define STATUS_OK 0
#define STATUS_UNSUPPORTED 2
#define STATUS_NONE 0xff

static uint32_t read32(const virtio_blk_t *blk, uint32_t offset) {
    uint32_t value;
    return virtio_read_config(&blk->virtio, offset, &value, sizeof(value), sizeof(value)) ? value : 0;
}

bool virtio_blk_read_capacity(virtio_blk_t *blk) {
    uint64_t sectors;
    if (!virtio_read_config(&blk->virtio, CAPACITY, &sectors, sizeof(sectors), sizeof(uint32_t)) || sectors >= CAPACITY_LIMIT) {
        return false;
    }
    // Whole blocks only.
    blk->sectors = sectors & ~(uint64_t)(blk->block_size / VIRTIO_BLK_SECTOR - 1);
    return true;
}

/* A limit that the device gives only with the feature; without, or where it says 0, there is none. */
static uint32_t limit(const virtio_blk_t *blk, uint64_t feature, uint32_t offset) {
    uint32_t value = blk->virtio.features & feature ? read32(blk, offset) : 0;
    return value ? value : UINT32_MAX;
}

/* Whole blocks. */
static uint32_t range_max(const virtio_blk_t *blk, uint64_t feature, uint32_t offset) {
    uint32_t value = blk->virtio.features & feature ? limit(blk, feature, offset) : 0;
    return value & ~(blk->block_size / VIRTIO_BLK_SECTOR - 1);
}

static const char *read_config(virtio_blk_t *blk) {
    uint64_t features = blk->virtio.features;
    uint32_t size = features & F_BLK_SIZE ? read32(blk, BLK_SIZE) : VIRTIO_BLK_SECTOR;
    if (size < VIRTIO_BLK_SECTOR || size > BLOCK_SIZE_LIMIT || size & (size - 1)) {
        return "its blocks have no possible size";
    }
    if (blk->block_size && blk->block_size != size) {
        return "its blocks have another size than before"; // Its users divide by it.
    }
    blk->block_size = size;
    if (!virtio_blk_read_capacity(blk)) {
        return "it has no possible capacity";
    }
    blk->discard_max = range_max(blk, F_DISCARD, MAX_DISCARD);
    blk->zeroes_max = range_max(blk, F_WRITE_ZEROES, MAX_WRITE_ZEROES);
    blk->readonly = features & F_RO;
    blk->can_flush = features & F_FLUSH;
    return NULL;
}

static uint8_t result_of(const virtio_blk_request_t *request, uint32_t written) {
    uint8_t status = __atomic_load_n(&request->status, __ATOMIC_RELAXED);
    if (status == STATUS_OK && written >= request->expected) {
        return VIRTIO_BLK_OK;
    }
    return status == STATUS_UNSUPPORTED ? VIRTIO_BLK_UNSUPPORTED : VIRTIO_BLK_ERROR;
}

static void finish(virtio_blk_queue_t *queue, virtio_blk_request_t *request, uint8_t result) {
    request->result = result;
    __atomic_fetch_add(&queue->completions, 1, __ATOMIC_RELAXED);
    request->done(request); // It may be gone now.
}

static void take_used(virtio_blk_queue_t *queue) {
    do {
        virtio_blk_request_t *request;
        uint32_t written;
        while ((request = virtqueue_take(&queue->virtio.ring, &written))) {
            finish(queue, request, result_of(request, written));
        }
    } while (!virtqueue_wait(&queue->virtio.ring));
}

static void on_used(void *ctx) {
    virtio_blk_queue_t *queue = ctx;
    uint64_t flags = spin_lock_irqsave(&queue->lock);
    // Else the interrupt is late or a lie: there may be no ring yet.
    if (queue->live) {
        take_used(queue);
    }
    bool stopped = queue->live && queue->virtio.ring.problem;
    if (stopped) {
        queue->live = false;
    }
    spin_unlock_irqrestore(&queue->lock, flags);
    if (stopped) {
        queue->blk->on_change(queue->blk);
    }
}

static void on_change(void *ctx) {
    virtio_blk_t *blk = ctx;
    blk->on_change(blk);
}

static void set_live(virtio_blk_t *blk, bool live) {
    for (unsigned i = 0; i < blk->queue_count; ++i) {
        virtio_blk_queue_t *queue = &blk->queues[i];
        uint64_t flags = spin_lock_irqsave(&queue->lock);
        queue->live = live;
        spin_unlock_irqrestore(&queue->lock, flags);
    }
}

static void go_live(virtio_blk_t *blk) {
    virtio_start(&blk->virtio);
    set_live(blk, true); // Not sooner: the device must not be told of anything before.
}

static unsigned queues_wanted(const virtio_blk_t *blk, uint16_t queues_max) {
    unsigned count = 1;
    uint16_t offered;
    if (blk->virtio.features & F_MQ && virtio_read_config(&blk->virtio, NUM_QUEUES, &offered, sizeof(offered), sizeof(offered))) {
        count = offered < queues_max ? offered : queues_max;
    }
    // The table of interrupts has one beside those of the queues.
    unsigned most = blk->virtio.msix.count - 1;
    count = count < most ? count : most;
    return count ? count : 1;
}

static const char *make_queues(virtio_blk_t *blk, const char *name, uint16_t queues_max, uint32_t (*apic_id)(unsigned queue)) {
    unsigned count = queues_wanted(blk, queues_max);
    blk->queue_bytes = count * sizeof(*blk->queues);
    blk->queues = driver_alloc(blk->queue_bytes);
    if (!blk->queues) {
        return "memory for its queues is missing";
    }
    const char *problem = NULL;
    while (!problem && blk->queue_count < count) {
        virtio_blk_queue_t *queue = &blk->queues[blk->queue_count];
        spin_init(&queue->lock, LOCK_RANK_DEVICE_QUEUE);
        queue->blk = blk;
        uint16_t index = blk->queue_count++;
        problem = virtio_add_queue(&blk->virtio, &queue->virtio, index, QUEUE_SIZE, name, on_used, queue, apic_id(index));
        // Cloud Hypervisor before v52 returns what its read or write of the image did, the status byte not counted.
        queue->virtio.ring.any_length = true;
    }
    return problem;
}

/* Once: who describes a buffer reads them while the device may be restarted. At least the header, a segment and the
 * status must fit into a queue. */
static void limit_segments(virtio_blk_t *blk) {
    blk->segment_size_max = limit(blk, F_SIZE_MAX, SIZE_MAX_);
    blk->segments_max = limit(blk, F_SEG_MAX, SEG_MAX);
    if (!(blk->virtio.features & VIRTIO_F_INDIRECT_DESC) && blk->segments_max > DIRECT_SEGMENTS) {
        blk->segments_max = DIRECT_SEGMENTS;
    }
    for (unsigned i = 0; i < blk->queue_count; ++i) {
        uint32_t most = blk->queues[i].virtio.ring.size - 2;
        blk->segments_max = blk->segments_max < most ? blk->segments_max : most;
    }
}

static const char *start(virtio_blk_t *blk, const pci_function_t *function, const char *name, uint16_t queues_max, uint32_t (*apic_id)(unsigned queue)) {
    const char *problem = virtio_open(&blk->virtio, function, queues_max);
    if (!problem) {
        problem = virtio_negotiate(&blk->virtio, FEATURES);
    }
    if (!problem) {
        problem = read_config(blk);
    }
    if (!problem) {
        problem = virtio_on_change(&blk->virtio, name, on_change, blk, apic_id(0));
    }
    return problem ? problem : make_queues(blk, name, queues_max, apic_id);
}

const char *virtio_blk_open(virtio_blk_t *blk, const pci_function_t *function, const char *name, uint16_t queues_max, uint32_t (*apic_id)(unsigned queue)) {
    const char *problem = start(blk, function, name, queues_max, apic_id);
    for (unsigned i = 0; !problem && i < blk->queue_count; ++i) {
        problem = blk->queues[i].virtio.ring.size < 4 ? "its queues are too short" : NULL;
    }
    if (problem) {
        if (blk->virtio.common) {
            virtio_blk_stop(blk);
        }
        virtio_blk_disconnect(blk);
        virtio_blk_free(blk);
        return problem;
    }
    limit_segments(blk);
    go_live(blk);
    return NULL;
}

bool virtio_blk_stop(virtio_blk_t *blk) {
    set_live(blk, false);
    bool ok = virtio_reset(&blk->virtio);
    blk->is_lost = blk->is_lost || !ok;
    for (unsigned i = 0; i < blk->queue_count; ++i) {
        virtio_blk_queue_t *queue = &blk->queues[i];
        virtio_blk_request_t *request;
        uint64_t flags = spin_lock_irqsave(&queue->lock);
        while ((request = virtqueue_take_unfinished(&queue->virtio.ring))) {
            finish(queue, request, VIRTIO_BLK_GONE);
        }
        spin_unlock_irqrestore(&queue->lock, flags);
    }
    return ok;
}

const char *virtio_blk_restart(virtio_blk_t *blk) {
    const char *problem = virtio_negotiate(&blk->virtio, FEATURES);
    if (!problem) {
        problem = read_config(blk);
    }
    for (unsigned i = 0; !problem && i < blk->queue_count; ++i) {
        problem = virtio_restart_queue(&blk->virtio, &blk->queues[i].virtio);
    }
    if (problem) {
        virtio_reset(&blk->virtio);
        return problem;
    }
    go_live(blk);
    return NULL;
}

void virtio_blk_disconnect(virtio_blk_t *blk) {
    virtio_disconnect(&blk->virtio);
    for (unsigned i = 0; i < blk->queue_count; ++i) {
        virtio_disconnect_queue(&blk->virtio, &blk->queues[i].virtio);
    }
}

void virtio_blk_free(virtio_blk_t *blk) {
    if (!blk->queues || blk->is_lost) {
        return;
    }
    for (unsigned i = 0; i < blk->queue_count; ++i) {
        virtqueue_free(&blk->queues[i].virtio.ring);
    }
    driver_free(blk->queues, blk->queue_bytes);
}

void virtio_blk_steer(virtio_blk_t *blk, uint32_t (*apic_id)(unsigned queue)) {
    for (unsigned i = 0; i < blk->queue_count; ++i) {
        virtio_steer_queue(&blk->virtio, &blk->queues[i].virtio, apic_id(i));
    }
}

static bool writes_memory(virtio_blk_type_t type) {
    return type == VIRTIO_BLK_IN || type == VIRTIO_BLK_GET_ID;
}

static bool is_range(virtio_blk_type_t type) {
    return type == VIRTIO_BLK_DISCARD || type == VIRTIO_BLK_WRITE_ZEROES;
}

/* Header, data and status: 5.2.6. Cloud Hypervisor wants each in descriptors of its own. */
static void fill_in(virtio_blk_request_t *request, virtio_blk_type_t type, uint64_t sector, uint32_t sectors,
    dma_segment_t *segments, unsigned *count) {
    request->header.type = type;
    request->header.reserved = 0;
    request->header.sector = type == VIRTIO_BLK_IN || type == VIRTIO_BLK_OUT ? sector : 0;
    request->status = STATUS_NONE;
    if (is_range(type)) {
        request->range.sector = sector;
        request->range.count = sectors;
        request->range.flags = 0;
        segments[++*count] = dma_segment(driver_address(&request->range), sizeof(request->range));
    }
    request->expected = 0; // Without the status byte: make_queues().
    for (unsigned i = 1; type == VIRTIO_BLK_IN && i <= *count; ++i) {
        request->expected += segments[i].len;
    }
    segments[0] = dma_segment(driver_address(&request->header), sizeof(request->header));
    segments[*count + 1] = dma_segment(driver_address(&request->status), 1);
}

virtio_blk_submit_t virtio_blk_submit(virtio_blk_queue_t *queue, virtio_blk_request_t *request, virtio_blk_type_t type,
    uint64_t sector, uint32_t sectors, dma_segment_t *segments, unsigned count, uint32_t *completions) {
    fill_in(request, type, sector, sectors, segments, &count);
    unsigned in = writes_memory(type) ? count + 1 : 1;
    virtqueue_t *ring = &queue->virtio.ring;
    virtio_blk_submit_t result = VIRTIO_BLK_STOPPED;
    bool notify = false;

    uint64_t flags = spin_lock_irqsave(&queue->lock);
    *completions = __atomic_load_n(&queue->completions, __ATOMIC_RELAXED);
    if (queue->live) {
        bool added = virtqueue_add(ring, segments, count + 2 - in, in, request);
        result = added ? VIRTIO_BLK_SUBMITTED : VIRTIO_BLK_FULL;
        notify = virtqueue_publish(ring);
    }
    spin_unlock_irqrestore(&queue->lock, flags);

    if (notify) {
        virtqueue_notify(ring); // Late at worst, should the device be reset meanwhile: it has no queue then.
    }
    return result;
}

const char *virtio_blk_problem(const virtio_blk_t *blk) {
    for (unsigned i = 0; i < blk->queue_count; ++i) {
        const char *problem = blk->queues[i].virtio.ring.problem;
        if (problem) {
            return problem;
        }
    }
    return NULL;
}

void virtio_blk_nudge(virtio_blk_t *blk) {
    for (unsigned i = 0; i < blk->queue_count; ++i) {
        virtio_blk_queue_t *queue = &blk->queues[i];
        on_used(queue);
        uint64_t flags = spin_lock_irqsave(&queue->lock);
        if (queue->live && queue->virtio.ring.chains) {
            virtqueue_notify(&queue->virtio.ring);
        }
        spin_unlock_irqrestore(&queue->lock, flags);
    }
}

unsigned virtio_blk_in_flight(const virtio_blk_t *blk) {
    unsigned count = 0;
    for (unsigned i = 0; i < blk->queue_count; ++i) {
        virtio_blk_queue_t *queue = &blk->queues[i];
        uint64_t flags = spin_lock_irqsave(&queue->lock);
        count += queue->virtio.ring.chains;
        spin_unlock_irqrestore(&queue->lock, flags);
    }
    return count;
}
