/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* littlefs v2.8 writes a file's blocks and the directory entry that names them without a flush of
 * the disk between: flash keeps the order by itself. A disk with a write cache may keep the entry
 * and lose the blocks when the power goes, and with them what the file held when it was last
 * synced. */

#include "extmod/vfs.h"
#include "lfs2_directory.h"
#include "lfs2_order.h"

// Of a block device's flags, which upstream gives out from the lowest on: blocks of files were
// written since it was flushed.
#define FLAG_DATA (0x8000)

// What fits beside a file's name in its directory, at most. littlefs takes such a file out of
// there by its own buffer.
#define INLINE_MAX (0x3fe)

// extmod/vfs_lfs.c's own, the same in every configuration.
static int (*prog)(const struct lfs2_config *, lfs2_block_t, lfs2_off_t, const void *, lfs2_size_t);

// Directories are written from the filesystem's own buffer, files from theirs.
static int prog_in_order(const struct lfs2_config *config, lfs2_block_t block, lfs2_off_t offset, const void *buffer,
    lfs2_size_t size) {
    mp_vfs_blockdev_t *device = config->context;
    bool is_own = buffer == config->prog_buffer;
    if (is_own && (device->flags & FLAG_DATA)) {
        int error = config->sync(config);
        if (error) {
            return error;
        }
        device->flags &= ~FLAG_DATA;
    }
    if (!is_own || config->cache_size <= INLINE_MAX) {
        device->flags |= FLAG_DATA;
    }
    return prog(config, block, offset, buffer, size);
}

int lfs2_mount_in_order(lfs2_t *lfs2, const struct lfs2_config *config) {
    prog = config->prog;
    struct lfs2_config *ours = (struct lfs2_config *)config;
    ours->prog = prog_in_order;
    ours->block_cycles = -1; // No block of a disk wears out: each directory stays where it is.
    ours->metadata_max = lfs2_directory_max(config);
    return lfs2_mount(lfs2, config);
}
