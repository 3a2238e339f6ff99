/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Included ahead of littlefs, behind lfs2_assert.h. What littlefs does byte by byte, or by eight bytes, looking each time in
 * which of its caches they are, is done here by as many bytes as a cache holds. A macro has the calls of its function go to
 * ours; the definition, which begins with a type, stays. */

#include "lib/littlefs/lfs2.h"
#include "lib/littlefs/lfs2_util.h"
#include "kernel/crc32.h"

static int lfs2_bd_read(lfs2_t *lfs2, const lfs2_cache_t *pcache, lfs2_cache_t *rcache, lfs2_size_t hint,
    lfs2_block_t block, lfs2_off_t off, void *buffer, lfs2_size_t size);
static int lfs2_bd_crc(lfs2_t *lfs2, const lfs2_cache_t *pcache, lfs2_cache_t *rcache, lfs2_size_t hint,
    lfs2_block_t block, lfs2_off_t off, lfs2_size_t size, uint32_t *crc);

// What is in the cache, as tags are one after the other, needs no call.
static inline int lfs2_read_cached(lfs2_t *lfs2, const lfs2_cache_t *pcache, lfs2_cache_t *rcache, lfs2_size_t hint,
    lfs2_block_t block, lfs2_off_t off, void *buffer, lfs2_size_t size) {
    lfs2_off_t at = off - rcache->off;
    if (!pcache && block == rcache->block && at < rcache->size && size <= rcache->size - at) {
        memcpy(buffer, rcache->buffer + at, size);
        return 0;
    }
    return lfs2_bd_read(lfs2, pcache, rcache, hint, block, off, buffer, size);
}

#define lfs2_bd_read(first, ...) LFS2_BD_READ_##first, __VA_ARGS__)
#define LFS2_BD_READ_lfs2_t lfs2_bd_read(lfs2_t
#define LFS2_BD_READ_lfs2 lfs2_read_cached(lfs2

// Has the cache hold what is at `off` of the block: `*len` bytes at most, and so many afterwards, one at least. `hint` as
// lfs2_bd_read() wants it, which may have all of a hint pass by the cache.
static int lfs2_piece(lfs2_t *lfs2, lfs2_cache_t *cache, lfs2_size_t hint, lfs2_block_t block, lfs2_off_t off,
    const uint8_t **piece, lfs2_size_t *len) {
    uint8_t first;
    int error = lfs2_bd_read(lfs2, NULL, cache, lfs2_max(hint, sizeof(first) + 1), block, off, &first, sizeof(first));
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
