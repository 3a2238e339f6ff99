/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Included ahead of littlefs, behind lfs2_assert.h. What littlefs does byte by byte, or by eight bytes, looking each time in
 * which of its caches they are, is done here by as many bytes as a cache holds. A macro has the calls of its function go to
 * ours; the definition, which begins with a type, stays. */

#include "lib/littlefs/lfs2.h"
#include "lib/littlefs/lfs2_util.h"
#include "kernel/crc32.h"

// A cache's that holds nothing, as lfs2.c has it.
#define NO_BLOCK ((lfs2_block_t)-1)

static int lfs2_bd_read(lfs2_t *lfs2, const lfs2_cache_t *pcache, lfs2_cache_t *rcache, lfs2_size_t hint,
    lfs2_block_t block, lfs2_off_t off, void *buffer, lfs2_size_t size);
static int lfs2_bd_crc(lfs2_t *lfs2, const lfs2_cache_t *pcache, lfs2_cache_t *rcache, lfs2_size_t hint,
    lfs2_block_t block, lfs2_off_t off, lfs2_size_t size, uint32_t *crc);
static int lfs2_bd_prog(lfs2_t *lfs2, lfs2_cache_t *pcache, lfs2_cache_t *rcache, bool validate,
    lfs2_block_t block, lfs2_off_t off, const void *buffer, lfs2_size_t size);
static int lfs2_bd_erase(lfs2_t *lfs2, lfs2_block_t block);
static inline void lfs2_cache_drop(lfs2_t *lfs2, lfs2_cache_t *rcache);
static int lfs2_alloc(lfs2_t *lfs2, lfs2_block_t *block);
static int lfs2_ctz_index(lfs2_t *lfs2, lfs2_off_t *off);
static int lfs2_ctz_extend(lfs2_t *lfs2, lfs2_cache_t *pcache, lfs2_cache_t *rcache,
    lfs2_block_t head, lfs2_size_t size, lfs2_block_t *block, lfs2_off_t *off);
static lfs2_ssize_t lfs2_file_flushedread(lfs2_t *lfs2, lfs2_file_t *file, void *buffer, lfs2_size_t size);
static lfs2_ssize_t lfs2_file_flushedwrite(lfs2_t *lfs2, lfs2_file_t *file, const void *buffer, lfs2_size_t size);
static int lfs2_file_flush(lfs2_t *lfs2, lfs2_file_t *file);

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

// A block with the first `len` bytes of another one.
static int lfs2_copy_start(lfs2_t *lfs2, lfs2_cache_t *pcache, lfs2_cache_t *rcache, lfs2_block_t from, lfs2_size_t len,
    lfs2_block_t to) {
    int error = lfs2_bd_erase(lfs2, to);
    lfs2_size_t now;
    for (lfs2_off_t off = 0; off < len && !error; off += now) {
        const uint8_t *piece;
        // No further than to where it is written to the disk: then the cache that the piece is in may be used.
        now = lfs2_min(len - off, lfs2->cfg->cache_size - off % lfs2->cfg->cache_size);
        error = lfs2_piece(lfs2, rcache, len - off, from, off, &piece, &now);
        error = error ? error : lfs2_bd_prog(lfs2, pcache, rcache, true, to, off, piece, now);
    }
    return error;
}

// Where a file that ends, or is written to, in the middle of a block goes on: in another one, as no block is changed.
static int lfs2_extend_by_pieces(lfs2_t *lfs2, lfs2_cache_t *pcache, lfs2_cache_t *rcache,
    lfs2_block_t head, lfs2_size_t size, lfs2_block_t *block, lfs2_off_t *off) {
    lfs2_off_t last = size ? size - 1 : 0; // The byte, and where it is in its block.
    lfs2_ctz_index(lfs2, &last);
    lfs2_block_t next;
    if (size && last + 1 != lfs2->cfg->block_size) {
        int error = lfs2_alloc(lfs2, &next);
        error = error ? error : lfs2_copy_start(lfs2, pcache, rcache, head, last + 1, next);
        if (!error) {
            *block = next;
            *off = last + 1;
        }
        if (error != LFS2_ERR_CORRUPT) {
            return error;
        }
        lfs2_cache_drop(lfs2, pcache); // It is tried in another block.
    }
    return lfs2_ctz_extend(lfs2, pcache, rcache, head, size, block, off);
}

#define lfs2_ctz_extend(first, ...) LFS2_CTZ_EXTEND_##first, __VA_ARGS__)
#define LFS2_CTZ_EXTEND_lfs2_t lfs2_ctz_extend(lfs2_t
#define LFS2_CTZ_EXTEND_lfs2 lfs2_extend_by_pieces(lfs2

// What is behind the last that was written to a file comes behind it, in new blocks too.
static int lfs2_copy_rest(lfs2_t *lfs2, lfs2_file_t *file) {
    uint8_t piece[512];
    lfs2_file_t before = { .ctz = file->ctz, .flags = LFS2_O_RDONLY, .pos = file->pos, .cache = lfs2->rcache };
    lfs2_cache_drop(lfs2, &lfs2->rcache);
    lfs2_ssize_t done = 0;
    while (file->pos < file->ctz.size && done >= 0) {
        done = lfs2_file_flushedread(lfs2, &before, piece, sizeof(piece));
        done = done < 0 ? done : lfs2_file_flushedwrite(lfs2, file, piece, done);
        if (lfs2->rcache.block != NO_BLOCK) { // The two have one buffer.
            lfs2_cache_drop(lfs2, &before.cache);
            lfs2_cache_drop(lfs2, &lfs2->rcache);
        }
    }
    return done < 0 ? done : 0;
}

static int lfs2_flush_by_pieces(lfs2_t *lfs2, lfs2_file_t *file) {
    lfs2_off_t pos = file->pos;
    bool has_rest = (file->flags & LFS2_F_WRITING) && !(file->flags & LFS2_F_INLINE) && pos < file->ctz.size;
    int error = has_rest ? lfs2_copy_rest(lfs2, file) : 0;
    error = error ? error : lfs2_file_flush(lfs2, file);
    if (has_rest && !error) {
        file->pos = pos;
    }
    return error;
}

#define lfs2_file_flush(first, ...) LFS2_FILE_FLUSH_##first, __VA_ARGS__)
#define LFS2_FILE_FLUSH_lfs2_t lfs2_file_flush(lfs2_t
#define LFS2_FILE_FLUSH_lfs2 lfs2_flush_by_pieces(lfs2
