/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The part of a disk that a user has: bounds, claims, and bytes where the disk has blocks. */

#include <string.h>

#include "kernel/console.h"
#include "kernel/disk_cache.h"
#include "kernel/disk_io.h"
#include "kernel/kalloc.h"
#include "kernel/message.h"

/* Who writes a part of a block reads it before: two of them take turns, or one's bytes would be lost. */
static mutex_t partial_writes;

static message_t *part_free(kobject_t *object) {
    disk_part_t *part = (disk_part_t *)object;
    int error = 0;
    while (part->claims) {
        error = disk_part_unclaim(part);
    }
    if (error) {
        console_report(part->disk->name, "what was written last, and not flushed, could not be written", NULL);
    }
    if (part->cache) {
        disk_cache_free(part->cache);
    }
    disk_release(part->disk);
    kfree(part, sizeof(*part));
    return NULL;
}

disk_part_t *disk_part_new(disk_t *disk, uint64_t start, uint64_t size, bool readonly) {
    disk_part_t *part = kalloc(sizeof(*part));
    if (part) {
        *part = (disk_part_t) { { 1, part_free }, disk, start, size, readonly || disk->blk.readonly, NULL, 0, false, NULL };
    }
    return part;
}

uint64_t disk_part_size(const disk_part_t *part) {
    uint64_t disk = disk_size(part->disk);
    uint64_t left = part->start < disk ? disk - part->start : 0;
    return part->size < left ? part->size : left;
}

static int check(const disk_part_t *part, uint64_t offset, uint64_t len) {
    if (!disk_is_there(part->disk)) {
        return part->disk->problem ? DISK_EIO : DISK_ENODEV;
    }
    uint64_t size = disk_part_size(part);
    return offset > size || len > size - offset ? DISK_EINVAL : 0;
}

static bool overlap(const disk_part_t *a, const disk_part_t *b) {
    uint64_t a_end = a->start + disk_part_size(a), b_end = b->start + disk_part_size(b);
    return a->start < b_end && b->start < a_end;
}

/* The disk's lock is held. */
static bool somebody_else(const disk_part_t *part, bool writing) {
    for (const disk_part_t *other = part->disk->claims; other; other = other->next) {
        if (other != part && (writing || other->claims_writing) && overlap(part, other)) {
            return true;
        }
    }
    return false;
}

static int check_writing(disk_part_t *part, uint64_t offset, uint64_t len) {
    if (part->readonly) {
        return DISK_EROFS;
    }
    int error = check(part, offset, len);
    if (error) {
        return error;
    }
    uint64_t flags = spin_lock_irqsave(&part->disk->lock);
    bool busy = !(part->claims && part->claims_writing) && somebody_else(part, true);
    spin_unlock_irqrestore(&part->disk->lock, flags);
    return busy ? DISK_EBUSY : 0;
}

int disk_part_claim(disk_part_t *part, bool writing) {
    if (writing && part->readonly) {
        return DISK_EROFS;
    }
    if (!part->cache) {
        part->cache = disk_cache_new(part); // Without, it works as well.
    }
    disk_t *disk = part->disk;
    uint64_t flags = spin_lock_irqsave(&disk->lock);
    bool busy = somebody_else(part, writing) || (part->claims && (writing || part->claims_writing));
    if (!busy) {
        part->claims_writing = writing;
    }
    bool is_first = !busy && !part->claims++;
    if (is_first) {
        part->next = disk->claims;
        disk->claims = part;
    }
    spin_unlock_irqrestore(&disk->lock, flags);
    if (is_first && part->cache) {
        disk_cache_open(part->cache);
    }
    return busy ? DISK_EBUSY : 0;
}

int disk_part_unclaim(disk_part_t *part) {
    bool is_last = part->claims == 1;
    int error = is_last && part->cache ? disk_cache_close(part->cache) : 0; // As long as nobody else writes there.
    disk_t *disk = part->disk;
    uint64_t flags = spin_lock_irqsave(&disk->lock);
    if (part->claims && !--part->claims) {
        disk_part_t **at = &disk->claims;
        while (*at != part) {
            at = &(*at)->next;
        }
        *at = part->next;
    }
    spin_unlock_irqrestore(&disk->lock, flags);
    return error;
}

/* The n-th that is claimed, held; or one behind it. NULL: there are not so many. */
static disk_part_t *claimed(disk_t *disk, unsigned n) {
    uint64_t flags = spin_lock_irqsave(&disk->lock);
    disk_part_t *part = disk->claims;
    while (part && (n || !kobject_try_hold(&part->object))) {
        n -= n > 0;
        part = part->next;
    }
    spin_unlock_irqrestore(&disk->lock, flags);
    return part;
}

int disk_settle(disk_t *disk) {
    int error = 0;
    disk_part_t *part;
    for (unsigned i = 0; (part = claimed(disk, i)); ++i) {
        int failed = part->cache ? disk_cache_settle(part->cache) : 0;
        error = error ? error : failed;
        kobject_release(&part->object);
    }
    return error;
}

/* Whole blocks. Who has claimed the part goes by its cache; who reads what somebody else has claimed reads what that one has written. */
static int transfer_blocks(disk_part_t *part, virtio_blk_type_t type, uint64_t at, void *buffer, size_t len) {
    if (__atomic_load_n(&part->claims, __ATOMIC_RELAXED) && part->cache) {
        return type == VIRTIO_BLK_IN ? disk_cache_read(part->cache, at, buffer, len)
            : disk_cache_write(part->cache, at, buffer, len);
    }
    if (__atomic_load_n(&part->disk->claims, __ATOMIC_RELAXED)) {
        disk_settle(part->disk); // What fails there is told to who writes.
    }
    return disk_transfer(part->disk, type, at, buffer, len);
}

/* A piece of a block, by way of the whole of it. */
static int partial(disk_part_t *part, virtio_blk_type_t type, uint64_t at, void *buffer, size_t len) {
    size_t size = part->disk->blk.block_size, skip = at % size;
    uint8_t *block = kalloc(size);
    if (!block) {
        return DISK_ENOMEM;
    }
    bool writes = type == VIRTIO_BLK_OUT;
    if (writes) {
        mutex_lock(&partial_writes);
    }
    int error = transfer_blocks(part, VIRTIO_BLK_IN, at - skip, block, size);
    if (!error && writes) {
        memcpy(block + skip, buffer, len);
        error = transfer_blocks(part, type, at - skip, block, size);
    } else if (!error) {
        memcpy(buffer, block + skip, len);
    }
    if (writes) {
        mutex_unlock(&partial_writes);
    }
    kfree(block, size);
    return error;
}

static size_t at_most(size_t a, size_t b) {
    return a < b ? a : b;
}

/* What comes before the first whole block, those, and the rest. */
static int transfer(disk_part_t *part, virtio_blk_type_t type, uint64_t offset, void *buffer, size_t len) {
    size_t block = part->disk->blk.block_size;
    uint64_t at = part->start + offset;
    uint8_t *from = buffer;
    int error = 0;
    while (len && !error) {
        size_t skip = at % block, now;
        if (skip || len < block) {
            now = at_most(block - skip, len);
            error = partial(part, type, at, from, now);
        } else {
            now = len - len % block;
            error = transfer_blocks(part, type, at, from, now);
        }
        at += now;
        from += now;
        len -= now;
    }
    return error;
}

int disk_part_read(disk_part_t *part, uint64_t offset, void *buffer, size_t len) {
    int error = check(part, offset, len);
    return error ? error : transfer(part, VIRTIO_BLK_IN, offset, buffer, len);
}

int disk_part_write(disk_part_t *part, uint64_t offset, const void *buffer, size_t len) {
    int error = check_writing(part, offset, len);
    return error ? error : transfer(part, VIRTIO_BLK_OUT, offset, (void *)buffer, len);
}

int disk_part_flush(disk_part_t *part) {
    int error = check(part, 0, 0);
    error = error ? error : disk_settle(part->disk);
    if (error || !part->disk->blk.can_flush || part->disk->blk.readonly) {
        return error;
    }
    return disk_command(part->disk, VIRTIO_BLK_FLUSH, 0, 0);
}

static int range(disk_part_t *part, virtio_blk_type_t type, uint64_t offset, uint64_t len, uint32_t sectors_max) {
    uint32_t block = part->disk->blk.block_size;
    int error = check_writing(part, offset, len);
    if (!error && (offset | len) % block) {
        error = DISK_EINVAL;
    }
    if (!error && !sectors_max) {
        error = DISK_EOPNOTSUPP;
    }
    if (error || !len) {
        return error;
    }
    return part->cache ? disk_cache_command(part->cache, type, part->start + offset, len)
        : disk_command(part->disk, type, part->start + offset, len);
}

int disk_part_discard(disk_part_t *part, uint64_t offset, uint64_t len) {
    return range(part, VIRTIO_BLK_DISCARD, offset, len, part->disk->blk.discard_max);
}

int disk_part_write_zeroes(disk_part_t *part, uint64_t offset, uint64_t len) {
    return range(part, VIRTIO_BLK_WRITE_ZEROES, offset, len, part->disk->blk.zeroes_max);
}

int disk_serial(disk_t *disk, char *out) {
    char *id = kalloc(VIRTIO_BLK_ID_SIZE);
    if (!id) {
        return DISK_ENOMEM;
    }
    memset(id, 0, VIRTIO_BLK_ID_SIZE); // Cloud Hypervisor writes no more than the text.
    int error = disk_identify(disk, id);
    for (unsigned i = 0; i < VIRTIO_BLK_ID_SIZE; ++i) {
        bool is_text = !id[i] || (id[i] >= ' ' && id[i] <= '~');
        out[i] = is_text ? id[i] : '?';
    }
    out[error ? 0 : VIRTIO_BLK_ID_SIZE] = '\0';
    kfree(id, VIRTIO_BLK_ID_SIZE);
    return error;
}
