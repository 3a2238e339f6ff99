/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "py/runtime.h"

#include "disk_content.h"

static bool read(void *ctx, uint64_t sector, uint32_t count, void *buffer) {
    disk_part_t *part = ctx;
    size_t size = part->disk->blk.block_size;
    return !disk_part_read(part, sector * size, buffer, count * size);
}

disk_content_t *disk_content_read(disk_part_t *part) {
    disk_content_t *content = m_new0(disk_content_t, 1);
    uint32_t size = part->disk->blk.block_size;
    content->part = part;
    content->view = (disk_view_t) {
        .read = read, .ctx = part, .sectors = disk_part_size(part) / size, .sector_size = size,
        .buffer_size = sizeof(content->buffer), .buffer = content->buffer,
    };
    if (size <= sizeof(content->buffer)) {
        partitions_read(&content->view, &content->table);
    } else {
        content->view.failed = true;
    }
    return content;
}

disk_range_t disk_content_all(const disk_content_t *content) {
    return (disk_range_t) { 0, content->view.sectors };
}

bool disk_content_find(const disk_content_t *content, uint32_t number, disk_range_t *range) {
    const partitions_t *table = &content->table;
    for (uint32_t i = 0; table->kind != PARTITIONS_BROKEN && i < table->count; ++i) {
        if (table->partition[i].number == number) {
            *range = table->partition[i].range;
            return true;
        }
    }
    return false;
}

void disk_content_probe(disk_content_t *content, disk_range_t range, fs_probe_t *found) {
    content->view.failed = false;
    fs_probe(&content->view, range, found);
}

bool disk_content_is_mountable(const fs_probe_t *found) {
    switch (found->kind) {
        case FS_KIND_ROMFS:
            return !found->problem;
        #if MICROPY_VFS_FAT
        case FS_KIND_FAT12:
        case FS_KIND_FAT16:
        case FS_KIND_FAT32:
            return !found->problem;
        #endif
        #if MICROPY_VFS_LFS2
        case FS_KIND_LITTLEFS:
            return !found->problem;
        #endif
        default:
            return false;
    }
}
