/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "boot/paging.h"
#include "kernel/disk_cache.h"
#include "kernel/disk_io.h"
#include "kernel/kalloc.h"
#include "kernel/page_alloc.h"

#define BUFFER 16384
#define SECTOR VIRTIO_BLK_SECTOR

/* An address of the disk can be in one buffer of each way. */
#define WAYS 4

/* Of all memory, a way takes this part, but at most as much as page_alloc() gives in one piece: one request for what follows
 * each other on the disk wants it to do so in memory. */
#define WAY_SHARE 256
#define WAY_ORDER_MAX PAGE_ORDER_MAX
#define WAY_ORDER_MIN 4

#define AHEAD_MAX (1u << 20)    /* Bytes read at once. */
#define SEND_MAX (256u << 10)   /* Bytes that are sent before more are gathered. */

typedef uint32_t sectors_t;     /* A bit for each sector of a buffer. */
_Static_assert(BUFFER / SECTOR == 8 * sizeof(sectors_t), "");

#define NOWHERE UINT64_MAX

typedef struct _buffer_t {
    uint64_t at;        /* A multiple of BUFFER, or NOWHERE. */
    sectors_t valid;
    uint32_t used;      /* When. */
} buffer_t;

typedef struct _way_t {
    buffer_t *buffers;  /* NULL: there is none yet. */
    uint8_t *memory;    /* Theirs, one after the other. */
} way_t;

struct _disk_cache_t {
    mutex_t lock;
    bool is_open;
    unsigned order;     /* Of a way's memory. */
    uint32_t now;
    disk_part_t *part;
    way_t ways[WAYS];
    /* What is written and may not be on the disk yet: all of it is in buffers. Until `sent` it is under way. While one half
     * of that is waited for, the other goes on. */
    struct {
        uint64_t start, middle, sent, end;
        unsigned way;                     /* Where the last of it is. */
        disk_transfer_t *older, *newer;   /* To `middle`, and to `sent`. NULL: nothing is under way. */
    } gathered;
};

static size_t way_size(const disk_cache_t *cache) {
    return (size_t)PAGE_SIZE << cache->order;
}

static unsigned sets(const disk_cache_t *cache) {
    return way_size(cache) / BUFFER;
}

disk_cache_t *disk_cache_new(disk_part_t *part) {
    disk_cache_t *cache = kalloc(sizeof(*cache));
    if (cache) {
        memset(cache, 0, sizeof(*cache));
        cache->part = part;
        size_t share = page_total_count() / WAY_SHARE;
        while (cache->order < WAY_ORDER_MAX && (2u << cache->order) <= share) {
            ++cache->order;
        }
    }
    return cache;
}

void disk_cache_open(disk_cache_t *cache) {
    mutex_lock(&cache->lock);
    cache->is_open = cache->order >= WAY_ORDER_MIN && cache->part->disk->blk.block_size <= BUFFER;
    mutex_unlock(&cache->lock);
}

static bool open_way(disk_cache_t *cache, way_t *way) {
    size_t size = sets(cache) * sizeof(buffer_t);
    buffer_t *buffers = kalloc(size);
    if (!buffers) {
        return false;
    }
    uint64_t memory = page_alloc(cache->order);
    if (!memory) {
        kfree(buffers, size);
        return false;
    }
    for (unsigned i = 0; i < sets(cache); ++i) {
        buffers[i].at = NOWHERE;
    }
    *way = (way_t) { buffers, phys_to_virt(memory) };
    return true;
}

static uint64_t buffer_of(uint64_t at) {
    return at & ~(uint64_t)(BUFFER - 1);
}

/* What follows each other lies so in memory, where it is in the same piece of a way's size; but the same place of all those pieces,
 * which filesystems like, is not the same set. */
static unsigned set_of(const disk_cache_t *cache, uint64_t at) {
    uint64_t piece = at / way_size(cache);
    return (at / BUFFER + piece * 29) & (sets(cache) - 1);
}

static uint64_t at_most(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static uint64_t at_least(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

/* The sectors of a buffer that [from, to) covers, whole ones. */
static sectors_t sectors_of(const buffer_t *buffer, uint64_t from, uint64_t to) {
    uint64_t first = at_least(from, buffer->at) - buffer->at, end = at_most(to, buffer->at + BUFFER) - buffer->at;
    unsigned low = first / SECTOR, high = (end + SECTOR - 1) / SECTOR;
    return (sectors_t)((((uint64_t)1 << high) - 1) & ~(((uint64_t)1 << low) - 1));
}

static bool has(const buffer_t *buffer, uint64_t from, uint64_t to) {
    return !(sectors_of(buffer, from, to) & ~buffer->valid);
}

/* Where a buffer lies: which way has it. */
typedef struct _place_t {
    buffer_t *buffer;   /* NULL: none does. */
    uint8_t *data;
    unsigned way;
} place_t;

static place_t place(const disk_cache_t *cache, unsigned way, unsigned set) {
    return (place_t) { &cache->ways[way].buffers[set], cache->ways[way].memory + (size_t)set * BUFFER, way };
}

static place_t find(const disk_cache_t *cache, uint64_t at) {
    unsigned set = set_of(cache, at);
    for (unsigned way = 0; way < WAYS && cache->ways[way].buffers; ++way) {
        if (cache->ways[way].buffers[set].at == buffer_of(at)) {
            return place(cache, way, set);
        }
    }
    return (place_t) { NULL, NULL, 0 };
}

static bool is_gathered(const disk_cache_t *cache, const buffer_t *buffer) {
    return buffer->at != NOWHERE && buffer->at < cache->gathered.end && cache->gathered.start < buffer->at + BUFFER
           && cache->gathered.start < cache->gathered.end;
}

/* The one to hold other data from now on: of the way that is preferred, else one that was never used, else the one that
 * was used the longest ago. */
static place_t choose(disk_cache_t *cache, uint64_t at, unsigned preferred) {
    unsigned set = set_of(cache, at);
    place_t best = { NULL, NULL, 0 };
    for (unsigned way = 0; way < WAYS; ++way) {
        way_t *ours = &cache->ways[way];
        if (!ours->buffers && ((best.buffer && best.buffer->at == NOWHERE) || !open_way(cache, ours))) {
            break;
        }
        buffer_t *buffer = &ours->buffers[set];
        bool is_older = !best.buffer || (best.buffer->at != NOWHERE
            && (buffer->at == NOWHERE || (int32_t)(buffer->used - best.buffer->used) < 0));
        if (!is_gathered(cache, buffer) && (way == preferred || is_older)) {
            best = place(cache, way, set);
            if (way == preferred) {
                break;
            }
        }
    }
    return best;
}

/* The buffer of that address. It holds nothing where that was in none. */
static place_t take(disk_cache_t *cache, uint64_t at, unsigned preferred) {
    place_t found = find(cache, at);
    if (!found.buffer) {
        found = choose(cache, at, preferred);
        if (found.buffer) {
            found.buffer->at = buffer_of(at);
            found.buffer->valid = 0;
        }
    }
    if (found.buffer) {
        found.buffer->used = ++cache->now;
    }
    return found;
}

/* Pieces that follow each other on the disk and in memory become one. */
typedef struct _requests_t {
    disk_transfer_t *transfer;
    virtio_blk_type_t type;
    uint64_t at;
    uint8_t *data;
    size_t len;
} requests_t;

static void send_piece(requests_t *requests) {
    if (requests->len) {
        disk_add(requests->transfer, requests->type, requests->at, requests->data, requests->len);
    }
    requests->len = 0;
}

static void add_piece(requests_t *requests, uint64_t at, uint8_t *data, size_t len) {
    if (requests->at + requests->len != at || requests->data + requests->len != data) {
        send_piece(requests);
    }
    if (!requests->len) {
        requests->at = at;
        requests->data = data;
    }
    requests->len += len;
}

/* The pieces of a buffer that `sectors` names. */
static void add_sectors(requests_t *requests, const place_t *place, sectors_t sectors) {
    for (unsigned i = 0; i < BUFFER / SECTOR; ++i) {
        if (sectors >> i & 1) {
            add_piece(requests, place->buffer->at + i * SECTOR, place->data + i * SECTOR, SECTOR);
        }
    }
}

/* Reads what is missing of [from, to), which comes to be in as many sets. */
static int fetch(disk_cache_t *cache, uint64_t from, uint64_t to) {
    requests_t requests = { .transfer = disk_begin(cache->part->disk), .type = VIRTIO_BLK_IN };
    if (!requests.transfer) {
        return DISK_ENOMEM;
    }
    unsigned way = WAYS;
    uint64_t at = from;
    for (; at < to; at = buffer_of(at) + BUFFER) {
        place_t into = take(cache, at, way);
        if (!into.buffer) {
            break;
        }
        way = into.way;
        add_sectors(&requests, &into, sectors_of(into.buffer, from, to) & ~into.buffer->valid);
    }
    send_piece(&requests);
    int error = disk_end(requests.transfer);
    for (uint64_t end = at, of = from; !error && of < end; of = buffer_of(of) + BUFFER) {
        buffer_t *buffer = find(cache, of).buffer;
        buffer->valid |= sectors_of(buffer, from, to);
    }
    return error;
}

/* As far as reading at a buffer's start goes on from what is there, it will go on. To the end of a piece at most: all of it is in as
 * many sets. */
static uint64_t how_far(const disk_cache_t *cache, uint64_t at) {
    uint64_t most = at_most(AHEAD_MAX, way_size(cache) - at % way_size(cache)), before = 0;
    while (before < most && at > before) {
        const buffer_t *buffer = find(cache, at - before - BUFFER).buffer;
        if (!buffer || !(buffer->valid >> (BUFFER / SECTOR - 1))) {
            break;
        }
        before += BUFFER;
    }
    return at_least(at_most(2 * before, most), BUFFER);
}

static bool is_whole(const disk_cache_t *cache, uint64_t at) {
    const buffer_t *buffer = find(cache, at).buffer;
    return buffer && buffer->valid == (sectors_t)-1;
}

/* The same backwards, which is how littlefs walks a file: from its end, by every second block or so. How much before a buffer's
 * start is read too. */
static uint64_t how_far_back(const disk_cache_t *cache, uint64_t at) {
    uint64_t most = at_most(AHEAD_MAX - BUFFER, at % way_size(cache));
    for (uint64_t step = BUFFER; step <= 2 * BUFFER; step += BUFFER) {
        if (is_whole(cache, at + step) && is_whole(cache, at + 2 * step)) {
            uint64_t after = 2 * step;
            while (after < most && is_whole(cache, at + step + after)) {
                after += BUFFER;
            }
            return at_most(2 * after, most);
        }
    }
    return 0;
}

/* So many bytes are sent before more are gathered: all that is gathered, eight times as much at most, has room in a way. */
static size_t unit(const disk_cache_t *cache) {
    return at_most(SEND_MAX, way_size(cache) / 8);
}

static size_t piece_at(uint64_t at, size_t len) {
    return at_most(BUFFER - at % BUFFER, len);
}

/* Waits for all that is under way. Where there is an `error`, already or now, all of it is to be sent again. */
static int collect(disk_cache_t *cache, int error) {
    disk_transfer_t *transfers[] = { cache->gathered.older, cache->gathered.newer };
    for (unsigned i = 0; i < 2; ++i) {
        int failed = transfers[i] ? disk_end(transfers[i]) : 0;
        error = error ? error : failed;
    }
    cache->gathered.older = cache->gathered.newer = NULL;
    if (!error) {
        cache->gathered.start = cache->gathered.sent;
    }
    cache->gathered.middle = cache->gathered.sent = cache->gathered.start;
    return error;
}

/* Waits for the older half. */
static void turn_over(disk_cache_t *cache) {
    int error = cache->gathered.older ? disk_end(cache->gathered.older) : 0;
    cache->gathered.older = NULL;
    if (error) {
        collect(cache, error);
        return;
    }
    cache->gathered.start = cache->gathered.middle;
    cache->gathered.middle = cache->gathered.sent;
    cache->gathered.older = cache->gathered.newer;
    cache->gathered.newer = NULL;
}

/* Has all that is gathered under way. */
static int send(disk_cache_t *cache) {
    if (!cache->gathered.newer) {
        cache->gathered.newer = disk_begin(cache->part->disk);
    }
    requests_t requests = { .transfer = cache->gathered.newer, .type = VIRTIO_BLK_OUT };
    if (!requests.transfer) {
        return DISK_ENOMEM;
    }
    while (cache->gathered.sent < cache->gathered.end) {
        uint64_t at = cache->gathered.sent;
        size_t now = piece_at(at, cache->gathered.end - at);
        add_piece(&requests, at, find(cache, at).data + at % BUFFER, now);
        cache->gathered.sent += now;
    }
    send_piece(&requests);
    return 0;
}

static int settle(disk_cache_t *cache) {
    return cache->gathered.start == cache->gathered.end ? 0 : collect(cache, send(cache));
}

/* take(), and where only what is gathered is in the way, that goes first. No place: there is no memory for any. */
static int take_surely(disk_cache_t *cache, uint64_t at, unsigned preferred, place_t *taken) {
    *taken = take(cache, at, preferred);
    int error = taken->buffer ? 0 : settle(cache);
    if (!taken->buffer && !error) {
        *taken = take(cache, at, preferred);
    }
    return error;
}

/* Has [at, end), of one buffer, in it. */
static int hold(disk_cache_t *cache, uint64_t at, uint64_t end, place_t *held) {
    int error = take_surely(cache, at, WAYS, held);
    if (error || !held->buffer || has(held->buffer, at, end)) {
        return error;
    }
    const disk_part_t *part = cache->part;
    uint64_t start = buffer_of(at), limit = part->start + disk_part_size(part);
    uint64_t ahead = how_far(cache, start), back = ahead > BUFFER ? 0 : how_far_back(cache, start);
    error = fetch(cache, at_least(start - back, part->start), at_most(start + ahead, limit));
    // It may be what was not asked for that cannot be read.
    return error || !has(held->buffer, at, end) ? fetch(cache, at, end) : 0;
}

static int read(disk_cache_t *cache, uint64_t at, uint8_t *to, size_t len) {
    int error = 0;
    for (size_t now; len && !error; at += now, to += now, len -= now) {
        now = piece_at(at, len);
        place_t held;
        error = hold(cache, at, at + now, &held);
        if (!error && !held.buffer) {
            return disk_transfer(cache->part->disk, VIRTIO_BLK_IN, at, to, len);
        }
        if (!error) {
            memcpy(to, held.data + at % BUFFER, now);
        }
    }
    return error;
}

/* Where `at` does not go on with what is gathered, or that is enough, it is sent. */
static int settle_before(disk_cache_t *cache, uint64_t at) {
    bool goes_on = at == cache->gathered.end && at - cache->gathered.start < 7 * unit(cache);
    int error = goes_on ? 0 : settle(cache);
    if (!error && cache->gathered.start == cache->gathered.end) {
        cache->gathered.start = cache->gathered.middle = cache->gathered.sent = cache->gathered.end = at;
        cache->gathered.way = WAYS;
    }
    return error;
}

static int write(disk_cache_t *cache, uint64_t at, const uint8_t *from, size_t len) {
    for (size_t now; len; at += now, from += now, len -= now) {
        now = piece_at(at, len);
        place_t into;
        int error = settle_before(cache, at);
        error = error ? error : take_surely(cache, at, cache->gathered.way, &into);
        if (!error && !into.buffer) {
            return disk_transfer(cache->part->disk, VIRTIO_BLK_OUT, at, (uint8_t *)from, len);
        }
        if (error) {
            return error;
        }
        cache->gathered.way = into.way;
        memcpy(into.data + at % BUFFER, from, now);
        into.buffer->valid |= sectors_of(into.buffer, at, at + now);
        cache->gathered.end += now;
        // What goes wrong with these is told when it goes wrong again: this write is in.
        if (cache->gathered.end - cache->gathered.sent >= unit(cache)) {
            send(cache);
        }
        if (cache->gathered.sent - cache->gathered.middle >= 2 * unit(cache)) {
            turn_over(cache);
        }
    }
    return 0;
}

/* Nothing is gathered. */
static void forget(disk_cache_t *cache, uint64_t at, uint64_t len) {
    for (unsigned way = 0; way < WAYS && cache->ways[way].buffers; ++way) {
        for (unsigned set = 0; set < sets(cache); ++set) {
            buffer_t *buffer = &cache->ways[way].buffers[set];
            if (buffer->at != NOWHERE && buffer->at < at + len && at < buffer->at + BUFFER) {
                buffer->at = NOWHERE;
            }
        }
    }
}

int disk_cache_read(disk_cache_t *cache, uint64_t at, void *buffer, size_t len) {
    mutex_lock(&cache->lock);
    bool is_open = cache->is_open;
    int error = is_open ? read(cache, at, buffer, len) : 0;
    mutex_unlock(&cache->lock);
    return is_open ? error : disk_transfer(cache->part->disk, VIRTIO_BLK_IN, at, buffer, len);
}

int disk_cache_write(disk_cache_t *cache, uint64_t at, const void *buffer, size_t len) {
    mutex_lock(&cache->lock);
    bool is_open = cache->is_open;
    int error = is_open ? write(cache, at, buffer, len) : 0;
    mutex_unlock(&cache->lock);
    return is_open ? error : disk_transfer(cache->part->disk, VIRTIO_BLK_OUT, at, (void *)buffer, len);
}

int disk_cache_settle(disk_cache_t *cache) {
    mutex_lock(&cache->lock);
    int error = settle(cache);
    mutex_unlock(&cache->lock);
    return error;
}

int disk_cache_command(disk_cache_t *cache, virtio_blk_type_t type, uint64_t at, uint64_t len) {
    mutex_lock(&cache->lock);
    int error = settle(cache);
    if (!error) {
        forget(cache, at, len);
        error = disk_command(cache->part->disk, type, at, len);
    }
    mutex_unlock(&cache->lock);
    return error;
}

int disk_cache_close(disk_cache_t *cache) {
    mutex_lock(&cache->lock);
    int error = settle(cache);
    cache->is_open = false;
    cache->gathered.start = cache->gathered.middle = cache->gathered.sent = cache->gathered.end;
    for (unsigned way = 0; way < WAYS && cache->ways[way].buffers; ++way) {
        kfree(cache->ways[way].buffers, sets(cache) * sizeof(buffer_t));
        page_free(virt_to_phys(cache->ways[way].memory), cache->order);
        cache->ways[way] = (way_t) { NULL, NULL };
    }
    mutex_unlock(&cache->lock);
    return error;
}

void disk_cache_free(disk_cache_t *cache) {
    disk_cache_close(cache);
    kfree(cache, sizeof(*cache));
}
