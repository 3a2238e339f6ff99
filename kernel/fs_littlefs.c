/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The superblock of a littlefs 2. Sections cited are those of littlefs's SPEC.md; what is done is what
 * lfs2_dir_fetchmatch() and lfs2_rawmount() of MicroPython's lib/littlefs/lfs2.c do. */

#include "kernel/crc32.h"
#include "kernel/fs_parts.h"

/* "Metadata tags". A tag is valid where its highest bit is clear. */
#define TAG_SIZE sizeof(uint32_t)
#define TAG_INVALID (1u << 31)
#define TAG_ID(tag) ((tag) >> 10 & 0x3ff)
#define TAG_TYPE(tag) ((tag) >> 20 & 0x7ff)
#define TAG_DELETED 0x3ff /* A length that is none. */

enum {
    TYPE_SUPERBLOCK = 0x0ff,
    TYPE_INLINE_STRUCT = 0x201,
    TYPE_CRC = 0x500, /* And what follows, but for the forward CRC. */
    TYPE_CRC_MASK = 0x780,
    TYPE_CRC_NEXT_INVERTED = 1,
};

/* "LFS2_TYPE_SUPERBLOCK": the inline struct, here in the CPU's byte order, as on the disk. */
typedef struct _superblock_t {
    uint32_t version, block_size, block_count, name_max, file_max, attr_max;
} superblock_t;

#define SUPERBLOCK_SIZE_MIN (3 * sizeof(uint32_t))

/* What lfs2.h of MicroPython's has: what is more, it does not mount. */
#define VERSION_MAJOR 2
#define VERSION_MINOR_MAX 1
#define NAME_MAX 255
#define FILE_MAX 0x7fffffff
#define ATTR_MAX 1022

typedef struct _block_t {
    uint32_t revision;
    superblock_t superblock;
} block_t;

/* The block's first tag has to name the superblock: so its magic lies at offset 8. */
static bool begins_as_superblock(disk_view_t *view, disk_range_t range, uint32_t offset) {
    uint8_t head[LITTLEFS_MAGIC_AT + sizeof(LITTLEFS_MAGIC) - 1];
    if (!disk_view_copy(view, range, offset, head, sizeof(head))) {
        return false;
    }
    uint32_t tag = ~__builtin_bswap32(le32_at(head + TAG_SIZE));
    return tag == (TYPE_SUPERBLOCK << 20 | (sizeof(LITTLEFS_MAGIC) - 1))
           && !memcmp(head + LITTLEFS_MAGIC_AT, LITTLEFS_MAGIC, sizeof(LITTLEFS_MAGIC) - 1);
}

/* Reads the commits of a block ("Directories / Metadata pairs") until one is not whole. True where the first one
 * is: the block is what the last one made it. The superblock is in the first one, and says how far it may go. */
static bool read_block(disk_view_t *view, disk_range_t range, uint32_t offset, block_t *block) {
    uint32_t revision, crc = CRC32_START, previous = UINT32_MAX, at = sizeof(revision);
    uint32_t end = LITTLEFS_BLOCK_MAX;
    superblock_t pending = { 0 };
    bool whole = false;
    if (!begins_as_superblock(view, range, offset)
        || !disk_view_copy(view, range, offset, &revision, sizeof(revision))) {
        return false;
    }
    crc = crc32_continue(crc, &revision, sizeof(revision));
    while (end - at >= TAG_SIZE) {
        uint32_t tag, sum;
        if (!disk_view_copy(view, range, offset + at, &tag, TAG_SIZE)) {
            break;
        }
        crc = crc32_continue(crc, &tag, TAG_SIZE);
        tag = __builtin_bswap32(tag) ^ previous;
        uint32_t len = tag & 0x3ff;
        len = len == TAG_DELETED ? 0 : len;
        at += TAG_SIZE;
        if (tag & TAG_INVALID || len > end - at) {
            break;
        }
        previous = tag;
        if ((TAG_TYPE(tag) & TYPE_CRC_MASK) == TYPE_CRC) {
            if (end - at < sizeof(sum) || !disk_view_copy(view, range, offset + at, &sum, sizeof(sum)) || sum != crc
                || !pending.block_size) {
                break;
            }
            *block = (block_t) { revision, pending };
            whole = true;
            crc = CRC32_START;
            previous ^= TAG_TYPE(tag) & TYPE_CRC_NEXT_INVERTED ? TAG_INVALID : 0;
        } else {
            if (TAG_TYPE(tag) == TYPE_INLINE_STRUCT && TAG_ID(tag) == 0 && len >= SUPERBLOCK_SIZE_MIN) {
                memset(&pending, 0, sizeof(pending));
                size_t size = len < sizeof(pending) ? len : sizeof(pending);
                if (!disk_view_copy(view, range, offset + at, &pending, size) || pending.block_size < LITTLEFS_BLOCK_MIN
                    || pending.block_size > LITTLEFS_BLOCK_MAX || pending.block_size < at + len) {
                    break;
                }
                end = pending.block_size;
            }
            if (!disk_view_crc32(view, range, offset + at, len, &crc)) {
                break;
            }
        }
        at += len;
    }
    return whole;
}

static const char *problem_of(const superblock_t *superblock, const disk_view_t *view, disk_range_t range) {
    if (superblock->version >> 16 != VERSION_MAJOR || (superblock->version & 0xffff) > VERSION_MINOR_MAX) {
        return "it is of a version that MicroPython does not know";
    }
    if (superblock->name_max > NAME_MAX || superblock->file_max > FILE_MAX || superblock->attr_max > ATTR_MAX) {
        return "it allows longer names, files or attributes than MicroPython";
    }
    if (superblock->block_count < 2) {
        return "its superblock makes no sense";
    }
    if (!disk_range_holds(view, range, superblock->block_count, superblock->block_size)) {
        return "it is larger than what it lies in";
    }
    return NULL;
}

bool fs_probe_littlefs(disk_view_t *view, disk_range_t range, uint32_t offset, fs_probe_t *found) {
    block_t block, other;
    if (!read_block(view, range, offset, &block) || (offset && block.superblock.block_size != offset)) {
        return false;
    }
    // The newer one counts: revisions are compared as sequence numbers.
    uint32_t size = block.superblock.block_size;
    if (!offset && read_block(view, range, size, &other) && other.superblock.block_size == size
        && (int32_t)(other.revision - block.revision) > 0) {
        block = other;
    }
    found->kind = FS_KIND_LITTLEFS;
    found->block_size = size;
    found->block_count = block.superblock.block_count;
    found->problem = problem_of(&block.superblock, view, range);
    return true;
}
