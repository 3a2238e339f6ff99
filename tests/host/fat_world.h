/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What MicroPython's lib/oofatfs asks of its port, on a disk_world_t. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_FAT_WORLD_H
#define MICROPY_INCLUDED_TESTS_HOST_FAT_WORLD_H

#include "lib/oofatfs/ff.h"
#include "lib/oofatfs/diskio.h"
#include "tests/host/disk_world.h"

typedef struct _fat_world_t {
    disk_world_t disk;
    WORD sector_size;
} fat_world_t;

static bool fat_world_has(const fat_world_t *fat, DWORD sector, UINT count) {
    return (uint64_t)sector + count <= fat->disk.size / fat->sector_size;
}

DRESULT disk_read(void *drv, BYTE *buffer, DWORD sector, UINT count) {
    fat_world_t *fat = drv;
    if (!fat_world_has(fat, sector, count)) {
        return RES_PARERR;
    }
    memcpy(buffer, fat->disk.bytes + (uint64_t)sector * fat->sector_size, (size_t)count * fat->sector_size);
    return RES_OK;
}

DRESULT disk_write(void *drv, const BYTE *buffer, DWORD sector, UINT count) {
    fat_world_t *fat = drv;
    if (!fat_world_has(fat, sector, count)) {
        return RES_PARERR;
    }
    memcpy(fat->disk.bytes + (uint64_t)sector * fat->sector_size, buffer, (size_t)count * fat->sector_size);
    return RES_OK;
}

DRESULT disk_ioctl(void *drv, BYTE command, void *result) {
    fat_world_t *fat = drv;
    switch (command) {
        case GET_SECTOR_COUNT:
            *(DWORD *)result = fat->disk.size / fat->sector_size;
            break;
        case GET_SECTOR_SIZE:
            *(WORD *)result = fat->sector_size;
            break;
        case GET_BLOCK_SIZE:
            *(DWORD *)result = 1;
            break;
        case IOCTL_INIT:
        case IOCTL_STATUS:
            *(DSTATUS *)result = 0;
            break;
    }
    return RES_OK;
}

DWORD get_fattime(void) {
    return 0x5a210000;
}

/* Which one oofatfs mounts, or FS_KIND_FAT_BROKEN. */
static inline fs_kind_t fat_world_mounted(fat_world_t *fat) {
    static const fs_kind_t kinds[] = {
        [FS_FAT12] = FS_KIND_FAT12, [FS_FAT16] = FS_KIND_FAT16, [FS_FAT32] = FS_KIND_FAT32,
    };
    FATFS fs = { .drv = fat };
    return f_mount(&fs) == FR_OK ? kinds[fs.fs_type] : FS_KIND_FAT_BROKEN;
}

#endif // MICROPY_INCLUDED_TESTS_HOST_FAT_WORLD_H
