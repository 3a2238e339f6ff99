/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Bytes of a disk for those who look what is on it: partitions.h and fs_probe.h. Each read costs VM exits, whatever
 * its size, so whole buffers are read, and what is in the buffer is not read again: the first 4 KiB of a disk
 * hold the partition table's head and most filesystems'. Pure: the disk is reached by the caller's function
 * only. Not for two threads at the same time. */
#ifndef MICROPY_INCLUDED_KERNEL_DISK_VIEW_H
#define MICROPY_INCLUDED_KERNEL_DISK_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "drivers/little_endian.h"

#define DISK_VIEW_BUFFER_MIN 4096

typedef struct _disk_view_t {
    /* Reads `count` sectors, 1 to buffer_size / sector_size, all before `sectors`. False where that fails. */
    bool (*read)(void *ctx, uint64_t sector, uint32_t count, void *buffer);
    void *ctx;
    uint64_t sectors;      /* The disk's size. Any number: the device may lie. */
    /* Of the disk's logical sectors, in which tables count: a power of two, from 512 on. Where the buffer is smaller,
     * that is a failure. */
    uint32_t sector_size;
    uint32_t buffer_size;  /* Bytes: a multiple of 4096. With 32 KiB a GPT is read at once. */
    uint8_t *buffer;
    /* Zeroed by the caller: what the buffer holds. To be zeroed again when something was written. */
    uint64_t first;
    uint32_t held;         /* Sectors. */
    bool failed;           /* A read has failed: until it is set to false, nothing is read any more. */
} disk_view_t;

/* Sectors of a disk: a partition, or all of them. May pass the disk's end; nothing is read there. */
typedef struct _disk_range_t {
    uint64_t start, count;
} disk_range_t;

/* Points *at to the byte at `offset` of the range. Returns how many bytes can be read there, until the next call:
 * to the end of a sector at least; 0 past the end of the range or the disk, or where reading fails. */
size_t disk_view(disk_view_t *view, disk_range_t range, uint64_t offset, const uint8_t **at);

/* Copies `len` bytes at `offset` of the range. False where not all of them can be read. */
bool disk_view_copy(disk_view_t *view, disk_range_t range, uint64_t offset, void *dest, size_t len);

/* Goes on with a CRC-32 (crc32.h) by `len` bytes at `offset` of the range. False as above. */
bool disk_view_crc32(disk_view_t *view, disk_range_t range, uint64_t offset, uint64_t len, uint32_t *crc);

/* Whether `count` blocks of `size` bytes have room in the range. */
static inline bool disk_range_holds(const disk_view_t *view, disk_range_t range, uint64_t count, uint32_t size) {
    return (unsigned __int128)count * size <= (unsigned __int128)range.count * view->sector_size;
}

#endif // MICROPY_INCLUDED_KERNEL_DISK_VIEW_H
