/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A directory that is listed while its files are removed. littlefs v2.8 takes the directory away from a listing whose
 * next entry is removed, as from a file that is (later versions do not), and upstream's MicroPython takes each error for one
 * more entry: os.listdir() would not end. */

#include "py/mperrno.h"
#include "py/runtime.h"

#include "lfs2_listing.h"

// littlefs has it in lfs2.c.
#define BLOCK_NULL ((lfs2_block_t)-1)

// Where the next entry was, another one is now, or the end.
static int find_again(lfs2_t *lfs2, lfs2_dir_t *dir) {
    int error = lfs2_dir_seek(lfs2, dir, dir->pos);
    return error == LFS2_ERR_INVAL ? 0 : error ? error : 1;
}

int lfs2_dir_read_on(lfs2_t *lfs2, lfs2_dir_t *dir, struct lfs2_info *info) {
    int result = 1;
    do {
        if (dir->m.pair[0] == BLOCK_NULL) {
            result = find_again(lfs2, dir);
        }
        if (result > 0) {
            result = lfs2_dir_read(lfs2, dir, info);
        }
    } while (result < 0 && dir->m.pair[0] == BLOCK_NULL); // Another thread was between the two.
    if (result < 0) {
        mp_raise_OSError(-result);
    }
    return result;
}
