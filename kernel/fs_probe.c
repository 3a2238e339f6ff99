/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "kernel/fs_parts.h"

/* A filesystem that MicroPython does not mount. */
typedef struct _magic_t {
    uint8_t kind;
    uint8_t len;
    uint8_t label_len; /* 0: it has none, or not in a fixed place. */
    char magic[10];
    uint32_t at, label_at;
} magic_t;

#define MAGIC(text) .magic = text, .len = sizeof(text) - 1

/* All within the first DISK_VIEW_BUFFER_MIN bytes. The superblocks as in the headers of Linux 6.1:
 * fs/exfat/exfat_raw.h, fs/ntfs3/ntfs.h, fs/squashfs/squashfs_fs.h, fs/xfs/libxfs/xfs_format.h, include/linux/swap.h;
 * LUKS: its on-disk format specifications 1 and 2, whose header has a label from version 2 on. */
static const magic_t near_magics[] = {
    { FS_KIND_EXFAT, .at = 3, MAGIC("EXFAT   ") },
    { FS_KIND_NTFS, .at = 3, MAGIC("NTFS    ") },
    { FS_KIND_XFS, .at = 0, MAGIC("XFSB"), .label_at = 108, .label_len = 12 },
    { FS_KIND_SQUASHFS, .at = 0, MAGIC("hsqs") },
    { FS_KIND_LUKS, .at = 0, MAGIC("LUKS\xba\xbe\0\1") },
    { FS_KIND_LUKS, .at = 0, MAGIC("LUKS\xba\xbe\0\2"), .label_at = 24, .label_len = 48 },
    { FS_KIND_SWAP, .at = 4096 - 10, MAGIC("SWAPSPACE2"), .label_at = 1024 + 28, .label_len = 16 },
    { FS_KIND_LITTLEFS1, .at = 40, MAGIC(LITTLEFS_MAGIC) }, // Behind an entry of 4 + 20 bytes: littlefs 1, SPEC.md.
};

/* ECMA-119, 8.4: the primary volume descriptor, in sector 16 of 2048 bytes. */
#define ISO9660_AT 0x8000
static const magic_t iso9660 = {
    FS_KIND_ISO9660, .at = ISO9660_AT, MAGIC("\1CD001"), .label_at = ISO9660_AT + 40, .label_len = 32,
};
/* struct btrfs_super_block of Linux. Its label may be longer than what is shown of it. */
#define BTRFS_AT 0x10000
static const magic_t btrfs = {
    FS_KIND_BTRFS, .at = BTRFS_AT + 64, MAGIC("_BHRfS_M"), .label_at = BTRFS_AT + 0x12b, .label_len = 48,
};

/* struct ext4_super_block of Linux, at 1024. */
enum {
    EXT_MAGIC_AT = 1024 + 0x38,
    EXT_COMPAT_AT = 1024 + 0x5c,
    EXT_INCOMPAT_AT = 1024 + 0x60,
    EXT_RO_COMPAT_AT = 1024 + 0x64,
    EXT_LABEL_AT = 1024 + 0x78,
    EXT_LABEL_LEN = 16,
    EXT_MAGIC = 0xef53,
    EXT_HAS_JOURNAL = 0x4, /* Of the compatible features. */
    EXT_3_INCOMPAT = 0x1f, /* Of the others: what ext3 knows. */
    EXT_3_RO_COMPAT = 0x7,
};

void fs_put_label(fs_probe_t *found, const uint8_t *label, size_t len) {
    size_t end = 0;
    for (size_t i = 0; i < len && label[i]; ++i) {
        bool printable = label[i] >= ' ' && label[i] < 0x7f;
        found->label[i] = printable ? label[i] : '?';
        end = label[i] == ' ' ? end : i + 1;
    }
    memset(found->label + end, 0, sizeof(found->label) - end);
}

static bool has_magic(disk_view_t *view, disk_range_t range, const magic_t *magic, fs_probe_t *found) {
    uint8_t bytes[FS_LABEL_SIZE - 1];
    if (!disk_view_copy(view, range, magic->at, bytes, magic->len) || memcmp(bytes, magic->magic, magic->len)) {
        return false;
    }
    found->kind = magic->kind;
    if (magic->label_len && disk_view_copy(view, range, magic->label_at, bytes, magic->label_len)) {
        fs_put_label(found, bytes, magic->label_len);
    }
    return true;
}

static uint32_t number_at(disk_view_t *view, disk_range_t range, uint64_t offset, size_t size) {
    uint32_t number = 0;
    disk_view_copy(view, range, offset, &number, size);
    return number;
}

static bool is_ext(disk_view_t *view, disk_range_t range, fs_probe_t *found) {
    if (number_at(view, range, EXT_MAGIC_AT, 2) != EXT_MAGIC) {
        return false;
    }
    bool newer = number_at(view, range, EXT_INCOMPAT_AT, 4) & ~EXT_3_INCOMPAT
                 || number_at(view, range, EXT_RO_COMPAT_AT, 4) & ~EXT_3_RO_COMPAT;
    bool journal = number_at(view, range, EXT_COMPAT_AT, 4) & EXT_HAS_JOURNAL;
    found->kind = newer ? FS_KIND_EXT4 : journal ? FS_KIND_EXT3 : FS_KIND_EXT2;
    uint8_t label[EXT_LABEL_LEN];
    if (disk_view_copy(view, range, EXT_LABEL_AT, label, sizeof(label))) {
        fs_put_label(found, label, sizeof(label));
    }
    return true;
}

/* The magic number and how much follows it: romfs.h. What it holds is looked over by romfs_check(), where all of it
 * is in memory. */
static bool is_romfs(disk_view_t *view, disk_range_t range, fs_probe_t *found) {
    uint8_t head[sizeof(ROMFS_MAGIC) - 1 + 9]; // A length of up to 63 bits.
    uint64_t len = 0;
    size_t at = sizeof(ROMFS_MAGIC) - 1;
    if (!disk_view_copy(view, range, 0, head, sizeof(head)) || memcmp(head, ROMFS_MAGIC, at)) {
        return false;
    }
    do {
        len = len << 7 | (head[at] & 0x7f);
    } while (head[at++] & 0x80 && at < sizeof(head));
    found->kind = FS_KIND_ROMFS;
    found->block_size = 1;
    found->block_count = at + len;
    if (head[at - 1] & 0x80 || !disk_range_holds(view, range, found->block_count, 1)) {
        found->problem = "it is cut short";
    }
    return true;
}

static bool in_first_bytes(disk_view_t *view, disk_range_t range, fs_probe_t *found) {
    // littlefs comes first. Making one changes the first hundred bytes only: of what was there before, the rest stays.
    if (fs_probe_littlefs(view, range, 0, found) || fs_probe_fat(view, range, found) || is_romfs(view, range, found)
        || is_ext(view, range, found)) {
        return true;
    }
    for (unsigned i = 0; i < sizeof(near_magics) / sizeof(near_magics[0]); ++i) {
        if (has_magic(view, range, &near_magics[i], found)) {
            return true;
        }
    }
    return false;
}

/* Whether DISK_VIEW_BUFFER_MIN bytes at `offset`, as far as there are any, are zero. */
static bool is_zero(disk_view_t *view, disk_range_t range, uint64_t offset) {
    const uint8_t *at;
    uint64_t end = offset + DISK_VIEW_BUFFER_MIN;
    for (size_t len; offset < end && (len = disk_view(view, range, offset, &at)) != 0; offset += len) {
        for (size_t i = 0; i < len && offset + i < end; ++i) {
            if (at[i]) {
                return false;
            }
        }
    }
    return true;
}

static bool begins_late(disk_view_t *view, disk_range_t range, uint32_t offset, fs_probe_t *found) {
    return (offset == ISO9660_AT && has_magic(view, range, &iso9660, found))
           || (offset == BTRFS_AT && has_magic(view, range, &btrfs, found));
}

void fs_probe(disk_view_t *view, disk_range_t range, fs_probe_t *found) {
    const uint8_t *at;
    memset(found, 0, sizeof(*found));
    found->kind = FS_KIND_UNREADABLE;
    view->failed = false;
    if (!disk_view(view, range, 0, &at)) {
        return;
    }
    if (in_first_bytes(view, range, found)) {
        return;
    }
    bool blank = is_zero(view, range, 0);
    // A littlefs whose first block was being written when the power went has all it needs in its second one. That
    // lies at the size of its blocks, so, if it is a power of two, where the others begin that begin late.
    for (uint32_t offset = LITTLEFS_BLOCK_MIN; offset <= LITTLEFS_BLOCK_MAX; offset *= 2) {
        if (fs_probe_littlefs(view, range, offset, found) || begins_late(view, range, offset, found)) {
            return;
        }
        blank = blank && (offset < DISK_VIEW_BUFFER_MIN || is_zero(view, range, offset));
    }
    found->kind = view->failed ? FS_KIND_UNREADABLE : blank ? FS_KIND_BLANK : FS_KIND_UNKNOWN;
}

const char *fs_kind_text(fs_kind_t kind) {
    static const char *const texts[FS_KINDS] = {
        [FS_KIND_UNREADABLE] = "nothing that can be read",
        [FS_KIND_BLANK] = "nothing (all zero)",
        [FS_KIND_UNKNOWN] = "nothing that is known here",
        [FS_KIND_FAT12] = "a FAT12 filesystem",
        [FS_KIND_FAT16] = "a FAT16 filesystem",
        [FS_KIND_FAT32] = "a FAT32 filesystem",
        [FS_KIND_LITTLEFS] = "a littlefs",
        [FS_KIND_ROMFS] = "a ROMFS",
        [FS_KIND_FAT_BROKEN] = "a FAT filesystem",
        [FS_KIND_EXFAT] = "an exFAT filesystem",
        [FS_KIND_NTFS] = "an NTFS filesystem",
        [FS_KIND_LITTLEFS1] = "a littlefs of version 1",
        [FS_KIND_EXT2] = "an ext2 filesystem",
        [FS_KIND_EXT3] = "an ext3 filesystem",
        [FS_KIND_EXT4] = "an ext4 filesystem",
        [FS_KIND_BTRFS] = "a btrfs filesystem",
        [FS_KIND_XFS] = "an XFS filesystem",
        [FS_KIND_ISO9660] = "an ISO 9660 filesystem",
        [FS_KIND_SQUASHFS] = "a squashfs filesystem",
        [FS_KIND_SWAP] = "swap space of Linux",
        [FS_KIND_LUKS] = "a volume encrypted by LUKS",
    };
    return kind < FS_KINDS ? texts[kind] : "?";
}
