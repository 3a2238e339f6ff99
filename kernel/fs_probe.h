/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Looks what filesystem lies at a range of a disk's sectors: those that MicroPython mounts so far that mounting them
 * should succeed, others by their magic numbers, so that people can be told what it is. A FAT is decided by
 * one read, a littlefs by two, what is nothing of all that by twelve (of disk_view_t.buffer_size). Nothing that is
 * read is trusted. What cannot be read ends the search. Pure, as disk_view.h. */
#ifndef MICROPY_INCLUDED_KERNEL_FS_PROBE_H
#define MICROPY_INCLUDED_KERNEL_FS_PROBE_H

#include "kernel/disk_view.h"

typedef enum _fs_kind_t {
    FS_KIND_UNREADABLE, /* Reading failed, or the range has no sector on the disk. */
    FS_KIND_BLANK,      /* Zeros, at all places where something could begin. */
    FS_KIND_UNKNOWN,
    /* What MicroPython mounts, where there is no `problem`. */
    FS_KIND_FAT12,
    FS_KIND_FAT16,
    FS_KIND_FAT32,
    FS_KIND_LITTLEFS,
    FS_KIND_ROMFS,
    /* What it does not. */
    FS_KIND_FAT_BROKEN, /* Its boot sector says FAT, and how wide is unknown. Has a problem. */
    FS_KIND_EXFAT,
    FS_KIND_NTFS,
    FS_KIND_LITTLEFS1,
    FS_KIND_EXT2,
    FS_KIND_EXT3,
    FS_KIND_EXT4,
    FS_KIND_BTRFS,
    FS_KIND_XFS,
    FS_KIND_ISO9660,
    FS_KIND_SQUASHFS,
    FS_KIND_SWAP,
    FS_KIND_LUKS,
    FS_KINDS,
} fs_kind_t;

#define FS_LABEL_SIZE 49 /* The longest, LUKS's, and a NUL. */

typedef struct _fs_probe_t {
    uint8_t kind;                /* fs_kind_t */
    /* Its own unit and size: FAT's sectors, littlefs's blocks (what its block device must have, exactly). For
     * ROMFS bytes, of all of it. 0 where unknown. They fit into the range, unless `problem` says that they do not. */
    uint32_t block_size;
    uint64_t block_count;
    const char *problem;         /* Why MicroPython cannot mount it though it is of those kinds, for people; or NULL. */
    /* Printable ASCII, '?' for what is not; empty where it has none. A FAT's is that of its boot sector, which not
     * everyone changes who changes a label. */
    char label[FS_LABEL_SIZE];
} fs_probe_t;

/* Only as much of the range is looked at as the disk has. */
void fs_probe(disk_view_t *view, disk_range_t range, fs_probe_t *found);

/* What it is, for people: "a FAT16 filesystem", "nothing (all zero)". */
const char *fs_kind_text(fs_kind_t kind);

#endif // MICROPY_INCLUDED_KERNEL_FS_PROBE_H
