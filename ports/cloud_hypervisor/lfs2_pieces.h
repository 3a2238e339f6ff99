/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Included ahead of littlefs, behind lfs2_assert.h. What littlefs does byte by byte, or by eight bytes, looking each time in
 * which of its caches they are, is done here by as many bytes as the cache holds. A macro has the calls of its function go
 * to ours; the definition, which begins with a type, stays. */

#include "lib/littlefs/lfs2.h"
#include "lib/littlefs/lfs2_util.h"
#include "kernel/crc32.h"

static int lfs2_bd_read(lfs2_t *lfs2, const lfs2_cache_t *pcache, lfs2_cache_t *rcache, lfs2_size_t hint,
    lfs2_block_t block, lfs2_off_t off, void *buffer, lfs2_size_t size);
static int lfs2_bd_crc(lfs2_t *lfs2, const lfs2_cache_t *pcache, lfs2_cache_t *rcache, lfs2_size_t hint,
    lfs2_block_t block, lfs2_off_t off, lfs2_size_t size, uint32_t *crc);

// Has the cache hold what is at `off` of the block: `*len` bytes at most, and so many afterwards, one at least. `hint` as
// lfs2_bd_read() wants it.
static int lfs2_piece(lfs2_t *lfs2, lfs2_cache_t *cache, lfs2_size_t hint, lfs2_block_t block, lfs2_off_t off,
    const uint8_t **piece, lfs2_size_t *len) {
    uint8_t first;
    int error = lfs2_bd_read(lfs2, NULL, cache, lfs2_max(hint, 2), block, off, &first, 1); // All of a hint may pass by the cache.
    if (!error) {
        lfs2_off_t at = off - cache->off;
        *piece = cache->buffer + at;
        *len = lfs2_min(*len, cache->size - at);
    }
    return error;
}

// Of a directory, whenever a name is looked for there.
static int lfs2_crc_by_pieces(lfs2_t *lfs2, const lfs2_cache_t *pcache, lfs2_cache_t *rcache, lfs2_size_t hint,
    lfs2_block_t block, lfs2_off_t off, lfs2_size_t size, uint32_t *crc) {
    if (pcache) {
        return lfs2_bd_crc(lfs2, pcache, rcache, hint, block, off, size, crc);
    }
    while (size) {
        const uint8_t *piece;
        lfs2_size_t len = size;
        int error = lfs2_piece(lfs2, rcache, hint, block, off, &piece, &len);
        if (error) {
            return error;
        }
        *crc = crc32_continue(*crc, piece, len);
        off += len;
        size -= len;
    }
    return 0;
}

#define lfs2_bd_crc(first, ...) LFS2_BD_CRC_##first, __VA_ARGS__)
#define LFS2_BD_CRC_lfs2_t lfs2_bd_crc(lfs2_t
#define LFS2_BD_CRC_lfs2 lfs2_crc_by_pieces(lfs2
