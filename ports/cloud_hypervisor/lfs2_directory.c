/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A directory is a log in two blocks, which is read by whoever looks for a name, and written anew when the block is full, by
 * steps that are as many as the square of what is in it. So large blocks are not filled with it: it goes on in others. */

#include "lfs2_directory.h"

// tools/disk/littlefs.py has the same.
#define DIRECTORY_MAX 8192

lfs2_size_t lfs2_directory_max(const struct lfs2_config *config) {
    return config->block_size % DIRECTORY_MAX ? config->block_size : DIRECTORY_MAX;
}

// Somebody else may have written longer ones, and no blocks may be left to go on in: what is removed makes some.
int lfs2_remove_anyway(lfs2_t *lfs2, const char *path) {
    int error = lfs2_remove(lfs2, path);
    if (error == LFS2_ERR_NOSPC) {
        ((struct lfs2_config *)lfs2->cfg)->metadata_max = lfs2->cfg->block_size; // Until it is mounted anew.
        error = lfs2_remove(lfs2, path);
    }
    return error;
}
