/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "kernel/crc32.h"
#include "kernel/disk_view.h"

/* Has the sector in the buffer, and as many after it as fit where it was not. */
static bool hold(disk_view_t *view, uint64_t sector) {
    if (sector >= view->first && sector - view->first < view->held) {
        return true;
    }
    uint32_t count = view->buffer_size / view->sector_size;
    if (view->failed || !count) {
        view->failed = true;
        return false;
    }
    if (count > view->sectors - sector) {
        count = view->sectors - sector;
    }
    view->first = sector;
    view->held = count;
    if (!view->read(view->ctx, sector, count, view->buffer)) {
        view->held = 0;
        view->failed = true;
    }
    return view->held != 0;
}

size_t disk_view(disk_view_t *view, disk_range_t range, uint64_t offset, const uint8_t **at) {
    uint64_t index = offset / view->sector_size;
    if (index >= range.count || range.start >= view->sectors || index >= view->sectors - range.start
        || !hold(view, range.start + index)) {
        return 0;
    }
    size_t before = range.start + index - view->first, within = offset % view->sector_size;
    uint64_t count = view->held - before;
    if (count > range.count - index) {
        count = range.count - index;
    }
    *at = view->buffer + before * view->sector_size + within;
    return count * view->sector_size - within;
}

bool disk_view_copy(disk_view_t *view, disk_range_t range, uint64_t offset, void *dest, size_t len) {
    uint8_t *to = dest;
    while (len) {
        const uint8_t *at;
        size_t part = disk_view(view, range, offset, &at);
        if (!part) {
            return false;
        }
        part = part < len ? part : len;
        memcpy(to, at, part);
        to += part;
        offset += part;
        len -= part;
    }
    return true;
}

bool disk_view_crc32(disk_view_t *view, disk_range_t range, uint64_t offset, uint64_t len, uint32_t *crc) {
    while (len) {
        const uint8_t *at;
        size_t part = disk_view(view, range, offset, &at);
        if (!part) {
            return false;
        }
        part = part < len ? part : len;
        *crc = crc32_continue(*crc, at, part);
        offset += part;
        len -= part;
    }
    return true;
}
