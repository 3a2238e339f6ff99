/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Included ahead of littlefs, behind lfs2_assert.h. Where a file was read to the end of a block, v2.8 takes that block for the
 * next one when a place in there is sought: other bytes are read, those of the block before (upstream mended it in v2.10.1). A
 * macro has the calls of its function go to ours; the definition, which begins with a type, stays. */

#include "lib/littlefs/lfs2.h"

static int lfs2_file_flush(lfs2_t *lfs2, lfs2_file_t *file);
static lfs2_soff_t lfs2_file_rawseek(lfs2_t *lfs2, lfs2_file_t *file, lfs2_soff_t off, int whence);

static lfs2_soff_t lfs2_seek_anew(lfs2_t *lfs2, lfs2_file_t *file, lfs2_soff_t off, int whence) {
    if ((file->flags & LFS2_F_READING) && file->off == lfs2->cfg->block_size) {
        lfs2_file_flush(lfs2, file); // Forgets the block, and does nothing that could go wrong, as it was only read.
    }
    return lfs2_file_rawseek(lfs2, file, off, whence);
}

#define lfs2_file_rawseek(first, ...) LFS2_FILE_RAWSEEK_##first, __VA_ARGS__)
#define LFS2_FILE_RAWSEEK_lfs2_t lfs2_file_rawseek(lfs2_t
#define LFS2_FILE_RAWSEEK_lfs2 lfs2_seek_anew(lfs2
