/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A disk in the host's memory, for the tests that have MicroPython's own filesystems write on it. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_DISK_WORLD_H
#define MICROPY_INCLUDED_TESTS_HOST_DISK_WORLD_H

#include "kernel/fs_probe.h"
#include "tests/host/check.h"

typedef struct _disk_world_t {
    uint8_t *bytes;
    uint64_t size; /* Bytes: a multiple of 512. */
} disk_world_t;

static inline bool disk_world_read(void *ctx, uint64_t sector, uint32_t count, void *buffer) {
    disk_world_t *disk = ctx;
    CHECK(count > 0 && sector < disk->size / 512 && count <= disk->size / 512 - sector);
    memcpy(buffer, disk->bytes + sector * 512, (size_t)count * 512);
    return true;
}

static inline fs_probe_t disk_world_probe(disk_world_t *disk) {
    uint8_t *buffer = malloc(DISK_VIEW_BUFFER_MIN);
    disk_view_t view = {
        .read = disk_world_read, .ctx = disk, .sectors = disk->size / 512, .sector_size = 512,
        .buffer_size = DISK_VIEW_BUFFER_MIN, .buffer = buffer,
    };
    fs_probe_t found;
    fs_probe(&view, (disk_range_t) { 0, view.sectors }, &found);
    free(buffer);
    return found;
}

#endif // MICROPY_INCLUDED_TESTS_HOST_DISK_WORLD_H
