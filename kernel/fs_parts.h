/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The parts of fs_probe.c, and what partitions.c has to know about filesystems. */
#ifndef MICROPY_INCLUDED_KERNEL_FS_PARTS_H
#define MICROPY_INCLUDED_KERNEL_FS_PARTS_H

#include "kernel/fs_probe.h"

#define BOOT_SECTOR_SIZE 512
#define BOOT_SIGNATURE_AT 510 /* 55 aa, whatever the size of sectors. */

#define LITTLEFS_MAGIC "littlefs"
#define LITTLEFS_MAGIC_AT 8
/* Smaller ones have no room for what littlefs keeps in a block; larger ones nobody makes, as an erase of one takes
 * minutes. */
#define LITTLEFS_BLOCK_MIN 128
#define LITTLEFS_BLOCK_MAX (4u << 20)

#define ROMFS_MAGIC "\xd2\xcd\x31"

static inline bool boot_sector_is_signed(const uint8_t *sector) {
    return sector[BOOT_SIGNATURE_AT] == 0x55 && sector[BOOT_SIGNATURE_AT + 1] == 0xaa;
}

/* Copies a label of `len` bytes, at most FS_LABEL_SIZE - 1, that ends with a NUL or is filled up with spaces. */
void fs_put_label(fs_probe_t *found, const uint8_t *label, size_t len);

/* Whether the first BOOT_SECTOR_SIZE bytes of something say FAT, as oofatfs's check_fs() asks. */
bool fs_says_fat(const uint8_t *sector);

/* True where there is one, whole or broken. */
bool fs_probe_fat(disk_view_t *view, disk_range_t range, fs_probe_t *found);

/* Looks at one of the two blocks of the superblock: at the first for `offset` 0, else at the second, which lies
 * where the size of the blocks says. True where it is valid, or would be but for `problem`. Reads the other one too. */
bool fs_probe_littlefs(disk_view_t *view, disk_range_t range, uint32_t offset, fs_probe_t *found);

#endif // MICROPY_INCLUDED_KERNEL_FS_PARTS_H
