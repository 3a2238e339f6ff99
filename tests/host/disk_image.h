/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A disk out of a file, for the probes and the fuzzers. See disk_images.py, which writes such files:
 *     u32 sector size, u32 buffer size, u64 sectors, then pieces: u64 offset, u32 size, bytes
 * What no piece has is zero; what a piece of size UINT32_MAX begins cannot be read, a sector. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_DISK_IMAGE_H
#define MICROPY_INCLUDED_TESTS_HOST_DISK_IMAGE_H

#include "kernel/disk_view.h"
#include "tests/host/check.h"

#define DISK_IMAGE_HEAD 16
#define DISK_IMAGE_UNREADABLE UINT32_MAX

typedef struct _disk_image_t {
    const uint8_t *pieces;
    size_t size;
    unsigned reads;
    disk_view_t view;
} disk_image_t;

static inline bool disk_image_read(void *ctx, uint64_t sector, uint32_t count, void *buffer) {
    disk_image_t *image = ctx;
    uint32_t sector_size = image->view.sector_size;
    CHECK(count > 0 && count <= image->view.buffer_size / sector_size);
    CHECK(sector < image->view.sectors && count <= image->view.sectors - sector);
    image->reads++;
    // What a device leaves that fails, or the read before: nobody may look at it.
    memset(buffer, 0xa5, image->view.buffer_size);
    memset(buffer, 0, (size_t)count * sector_size);
    // Beyond 2^64 bytes there are no pieces.
    unsigned __int128 start = (unsigned __int128)sector * sector_size, end = start + (size_t)count * sector_size;
    for (size_t at = 0; image->size - at >= 12;) {
        uint64_t offset;
        uint32_t size;
        memcpy(&offset, image->pieces + at, 8);
        memcpy(&size, image->pieces + at + 8, 4);
        at += 12;
        if (size == DISK_IMAGE_UNREADABLE) {
            if (offset >= start && offset < end) {
                return false;
            }
            continue;
        }
        if (size > image->size - at) {
            size = image->size - at;
        }
        unsigned __int128 from = offset > start ? offset : start, to = (unsigned __int128)offset + size;
        to = to < end ? to : end;
        if (from < to) {
            memcpy((uint8_t *)buffer + (size_t)(from - start), image->pieces + at + (size_t)(from - offset), to - from);
        }
        at += size;
    }
    return true;
}

/* False where the file is no disk. `image` stays where it is. */
static inline bool disk_image_open(disk_image_t *image, const uint8_t *file, size_t size) {
    memset(image, 0, sizeof(*image));
    if (size < DISK_IMAGE_HEAD) {
        return false;
    }
    disk_view_t *view = &image->view;
    memcpy(&view->sector_size, file, 4);
    memcpy(&view->buffer_size, file + 4, 4);
    memcpy(&view->sectors, file + 8, 8);
    bool power = !(view->sector_size & (view->sector_size - 1));
    if (!power || view->sector_size < 512 || view->sector_size > 65536 || view->buffer_size % 4096
        || view->buffer_size < 4096 || view->buffer_size > 65536) {
        return false;
    }
    image->pieces = file + DISK_IMAGE_HEAD;
    image->size = size - DISK_IMAGE_HEAD;
    view->read = disk_image_read;
    view->ctx = image;
    // A block of its own, so that the address sanitizer sees what is read past its end.
    view->buffer = malloc(view->buffer_size);
    return true;
}

static inline void disk_image_close(disk_image_t *image) {
    free(image->view.buffer);
}

#endif // MICROPY_INCLUDED_TESTS_HOST_DISK_IMAGE_H
