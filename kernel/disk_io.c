/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "kernel/clock.h"
#include "kernel/cpu_state.h"
#include "kernel/disk_io.h"
#include "kernel/dma.h"
#include "kernel/interpreters.h"
#include "kernel/kalloc.h"
#include "kernel/panic.h"
#include "kernel/system.h"
#include "kernel/wait.h"

/* A device that does nothing for so long is not waited for, unless a setting says otherwise: Linux waits as long for one
 * of SCSI. */
#define SILENCE_S 30
#define SILENCE_MAX_S 86400
#define NS_PER_S 1000000000

/* After so long what the device was told, or its interrupt, may be lost, and is not waited for: a machine with one CPU in
 * QEMU before 8.1, emulated, is run without its memory barriers. */
#define NUDGE_NS NS_PER_S

/* A device that has lost a request while it goes on with others: none of a transfer's has come back for so many times
 * as long, and meanwhile it has done so many times as many as it had. A slow one, with its queues full, has not. */
#define PATIENCE 4

#define REQUEST_BYTES_MAX (1u << 20)

/* A submit that finds the device being reset tries again, so often. */
#define TRIES 3

/* Requests that are waited for together. */
struct _disk_transfer_t {
    disk_t *disk;
    uint32_t pending;    /* A word to wait on: 0: all are done. */
    int error;           /* The first one. */
};

typedef struct _request_t {
    virtio_blk_request_t blk;
    disk_transfer_t *transfer;
    virtio_blk_queue_t *queue;
    uint32_t room;       /* How many segments of data it has room for; and the driver's two: */
    _Alignas(16) dma_segment_t segments[];
} request_t;

/* Of memory that is not in one piece: as many as make a request fill a page, at most. */
#define ROOM_IN(bytes) (((bytes) - sizeof(request_t)) / sizeof(dma_segment_t) - 2)
#define ROOM_MIN ROOM_IN(496) /* A size of kalloc(). */
#define ROOM_MAX ROOM_IN(PAGE_SIZE)

static uint64_t silence_ns;

void disks_init(void) {
    const char *setting = system_setting("disk-timeout");
    uint64_t seconds = SILENCE_S;
    if (setting && (!cmdline_parse_size(setting, &seconds) || !seconds || seconds > SILENCE_MAX_S)) {
        panic("the setting disk-timeout= wants a number of seconds: 30");
    }
    silence_ns = seconds * NS_PER_S;
}

static size_t size_of(unsigned room) {
    return sizeof(request_t) + (room + 2) * sizeof(dma_segment_t);
}

static void free_request(request_t *request) {
    kfree(request, size_of(request->room));
}

static void fail(disk_transfer_t *transfer, int error) {
    int none = 0;
    __atomic_compare_exchange_n(&transfer->error, &none, error, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static bool goes_on(const disk_transfer_t *transfer) {
    return !__atomic_load_n(&transfer->error, __ATOMIC_RELAXED);
}

static int error_of(const disk_t *disk, uint8_t result) {
    switch (result) {
        case VIRTIO_BLK_OK:
            return 0;
        case VIRTIO_BLK_UNSUPPORTED:
            return DISK_EOPNOTSUPP;
        case VIRTIO_BLK_GONE:
            return disk->gone_error;
        default:
            return DISK_EIO;
    }
}

static void leave(disk_transfer_t *transfer) {
    uint32_t *pending = &transfer->pending;
    if (!__atomic_sub_fetch(pending, 1, __ATOMIC_ACQ_REL)) {
        wait_wake(pending, WAKE_ALL); // It may be gone already: only its address counts.
    }
}

static void on_done(virtio_blk_request_t *blk) {
    request_t *request = (request_t *)blk;
    disk_transfer_t *transfer = request->transfer;
    if (__atomic_load_n(&transfer->disk->queuing, __ATOMIC_SEQ_CST)) {
        wait_wake(&request->queue->completions, WAKE_ALL);
    }
    int error = error_of(transfer->disk, blk->result);
    if (error) {
        fail(transfer, error);
    }
    free_request(request);
    leave(transfer);
}

static virtio_blk_queue_t *queue_here(disk_t *disk) {
    uint64_t flags = interrupts_save_disable();
    unsigned cpu = kernel_cpu()->boot.index;
    interrupts_restore(flags);
    return &disk->blk.queues[cpu % disk->blk.queue_count];
}

/* Waits for something to change: `word` is `seen` now. The device has been silent for too long when it is not. Returns
 * early where it was not silent. */
static void wait_for_device(disk_t *disk, const uint32_t *word, uint32_t seen) {
    uint32_t completions = disk_completions(disk);
    uint64_t now = clock_monotonic_ns(), late = now + silence_ns;
    while (wait_on(word, seen, now + NUDGE_NS < late ? now + NUDGE_NS : late) == WAIT_TIMEOUT) {
        now = clock_monotonic_ns();
        if (now >= late) {
            disk_is_late(disk, completions);
        }
        if (now >= late || disk_completions(disk) != completions) {
            return;
        }
        virtio_blk_nudge(&disk->blk);
    }
}

/* What a thread that waits has seen of its transfer. */
typedef struct _watch_t {
    uint32_t pending;    /* As it has been for long; 0: nobody has looked. */
    uint64_t since_ns;
    uint32_t in_flight;  /* How many the disk had, a while later; 0: not yet. */
    uint32_t completions; /* And had done. */
} watch_t;

/* After a wait: has the device reset where it has lost the transfer's requests. `ours`: how many of those that are
 * pending it does not have. */
static void look_for_lost(disk_transfer_t *transfer, watch_t *watch, uint32_t ours) {
    disk_t *disk = transfer->disk;
    uint32_t pending = __atomic_load_n(&transfer->pending, __ATOMIC_ACQUIRE);
    if (pending == ours) {
        return;
    }
    uint64_t now = clock_monotonic_ns();
    if (pending != watch->pending) {
        watch->pending = pending;
        watch->since_ns = now;
        watch->in_flight = 0;
    } else if (now - watch->since_ns < silence_ns) {
        return;
    } else if (!watch->in_flight) {
        watch->completions = disk_completions(disk);
        watch->in_flight = virtio_blk_in_flight(&disk->blk);
    } else if (now - watch->since_ns >= PATIENCE * silence_ns
               && disk_completions(disk) - watch->completions >= PATIENCE * watch->in_flight) {
        disk_has_lost(disk, &transfer->pending, pending);
    }
}

static void wait_for_room(disk_t *disk, const virtio_blk_queue_t *queue, uint32_t completions) {
    __atomic_fetch_add(&disk->queuing, 1, __ATOMIC_SEQ_CST); // Before the count is looked at again: on_done().
    wait_for_device(disk, &queue->completions, completions);
    __atomic_fetch_sub(&disk->queuing, 1, __ATOMIC_SEQ_CST);
}

/* Takes over the request. */
static void submit(request_t *request, virtio_blk_type_t type, uint64_t sector, uint32_t sectors, unsigned count) {
    disk_transfer_t *transfer = request->transfer;
    disk_t *disk = transfer->disk;
    int error = 0;
    watch_t watch;
    watch.pending = 0;
    for (unsigned tries = 0; !error && goes_on(transfer) && tries < TRIES;) {
        virtio_blk_queue_t *queue = queue_here(disk);
        uint32_t completions;
        request->queue = queue;
        switch (virtio_blk_submit(queue, &request->blk, type, sector, sectors, request->segments, count, &completions)) {
            case VIRTIO_BLK_SUBMITTED:
                return;
            case VIRTIO_BLK_FULL:
                wait_for_room(disk, queue, completions);
                look_for_lost(transfer, &watch, 2); // That which disk_begin() counts, and this one.
                break;
            case VIRTIO_BLK_STOPPED:
                error = disk_await_recovery(disk);
                ++tries;
        }
    }
    fail(transfer, error ? error : DISK_EIO);
    free_request(request);
    leave(transfer);
}

static request_t *new_request(disk_transfer_t *transfer, unsigned room) {
    request_t *request = kalloc(size_of(room));
    if (!request) {
        fail(transfer, DISK_ENOMEM);
        return NULL;
    }
    request->room = room;
    request->blk.done = on_done;
    request->transfer = transfer;
    __atomic_fetch_add(&transfer->pending, 1, __ATOMIC_RELAXED);
    return request;
}

disk_transfer_t *disk_begin(disk_t *disk) {
    disk_transfer_t *transfer = kalloc(sizeof(*transfer));
    if (transfer) {
        *transfer = (disk_transfer_t) { disk, 1, 0 };
    }
    return transfer;
}

int disk_end(disk_transfer_t *transfer) {
    uint32_t pending = __atomic_sub_fetch(&transfer->pending, 1, __ATOMIC_ACQ_REL);
    watch_t watch;
    watch.pending = 0;
    while (pending) {
        wait_for_device(transfer->disk, &transfer->pending, pending);
        look_for_lost(transfer, &watch, 0);
        pending = __atomic_load_n(&transfer->pending, __ATOMIC_ACQUIRE);
    }
    int error = transfer->error;
    kfree(transfer, sizeof(*transfer));
    return error;
}

/* Whole blocks only: what is too much is left off the last segments. */
static unsigned cut(dma_segment_t *segments, unsigned count, size_t excess) {
    while (excess >= segments[count - 1].len) {
        excess -= segments[--count].len;
    }
    segments[count - 1].len -= excess;
    return count;
}

static size_t at_most(size_t a, size_t b) {
    return a < b ? a : b;
}

/* For a buffer in which no two pages lie one behind the other, so far as a request takes it. */
static unsigned room_for(const virtio_blk_t *blk, size_t len) {
    size_t pages = len / PAGE_SIZE + 2;
    return at_most(pages < ROOM_MIN ? ROOM_MIN : at_most(pages, ROOM_MAX), blk->segments_max);
}

/* Describes as much of the buffer as a request takes. Stores how many bytes those are; 0: none. */
static unsigned describe(request_t *request, virtio_blk_type_t type, void *buffer, size_t *len) {
    const virtio_blk_t *blk = &request->transfer->disk->blk;
    unsigned count = dma_describe(buffer, *len, type == VIRTIO_BLK_IN, request->segments + 1, request->room,
        blk->segment_size_max, len);
    size_t excess = *len % blk->block_size;
    *len -= excess;
    return *len ? cut(request->segments + 1, count, excess) : 0;
}

/* Has the interpreter's memory stay what it is while a device is about it: interpreter_heap_release(). */
static void count_dma(int change) {
    interpreter_t *self = interpreter_current();
    uint32_t left = self ? __atomic_add_fetch(&self->dma, change, __ATOMIC_ACQ_REL) : 1;
    if (!left) {
        wait_wake(&self->dma, WAKE_ALL);
    }
}

void disk_add(disk_transfer_t *transfer, virtio_blk_type_t type, uint64_t at, void *buffer, size_t len) {
    uint8_t *from = buffer;
    while (len && goes_on(transfer)) {
        size_t now = at_most(len, REQUEST_BYTES_MAX);
        request_t *request = new_request(transfer, room_for(&transfer->disk->blk, now));
        if (!request) {
            break;
        }
        unsigned count = describe(request, type, from, &now);
        if (!count) {
            fail(transfer, DISK_EFAULT);
            free_request(request);
            leave(transfer);
            break;
        }
        submit(request, type, at / VIRTIO_BLK_SECTOR, 0, count);
        at += now;
        from += now;
        len -= now;
    }
}

int disk_transfer(disk_t *disk, virtio_blk_type_t type, uint64_t at, void *buffer, size_t len) {
    disk_transfer_t *transfer = disk_begin(disk);
    if (!transfer) {
        return DISK_ENOMEM;
    }
    count_dma(1);
    disk_add(transfer, type, at, buffer, len);
    int error = disk_end(transfer);
    count_dma(-1);
    return error;
}

int disk_command(disk_t *disk, virtio_blk_type_t type, uint64_t at, uint64_t len) {
    disk_transfer_t *transfer = disk_begin(disk);
    if (!transfer) {
        return DISK_ENOMEM;
    }
    uint64_t sector = at / VIRTIO_BLK_SECTOR, left = len / VIRTIO_BLK_SECTOR;
    do {
        request_t *request = goes_on(transfer) ? new_request(transfer, ROOM_MIN) : NULL;
        if (!request) {
            break;
        }
        uint32_t most = type == VIRTIO_BLK_DISCARD ? disk->blk.discard_max : disk->blk.zeroes_max;
        uint32_t now = left < most ? left : most;
        submit(request, type, sector, now, 0);
        sector += now;
        left -= now;
    } while (left);
    return disk_end(transfer);
}

int disk_identify(disk_t *disk, char *id) {
    disk_transfer_t *transfer = disk_begin(disk);
    if (!transfer) {
        return DISK_ENOMEM;
    }
    request_t *request = new_request(transfer, ROOM_MIN);
    if (request) {
        request->segments[1] = dma_segment(driver_address(id), VIRTIO_BLK_ID_SIZE);
        submit(request, VIRTIO_BLK_GET_ID, 0, 0, 1);
    }
    return disk_end(transfer);
}
