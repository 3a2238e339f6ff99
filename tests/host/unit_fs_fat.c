/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What fs_probe() says of the FATs that MicroPython's own lib/oofatfs makes, and mounts. */
#include "kernel/fs_parts.h"
#include "tests/host/fat_world.h"
#include "tests/host/unit.h"

static fat_world_t new_fat(uint64_t size, WORD sector_size, BYTE options) {
    fat_world_t fat = { { calloc(1, size), size }, sector_size };
    static uint8_t work[FF_MAX_SS];
    FATFS fs = { .drv = &fat };
    CHECK_EQ(f_mkfs(&fs, options | FM_SFD, 0, work, sizeof(work)), FR_OK);
    return fat;
}

TEST(what_oofatfs_makes_is_found) {
    bool seen[FS_KINDS] = { false };
    for (WORD sector_size = 512; sector_size <= 4096; sector_size *= 2) {
        for (unsigned shift = 18; shift <= 29; shift++) {
            uint64_t size = 1ull << shift;
            fat_world_t fat = new_fat(size, sector_size, shift == 29 ? FM_FAT32 : FM_FAT);
            fs_probe_t found = disk_world_probe(&fat.disk);
            CHECK_EQ(found.kind, fat_world_mounted(&fat));
            CHECK(found.problem == NULL);
            CHECK_EQ(found.block_size, sector_size);
            CHECK_EQ(found.block_count, size / sector_size);
            seen[found.kind] = true;
            free(fat.disk.bytes);
        }
    }
    CHECK(seen[FS_KIND_FAT12] && seen[FS_KIND_FAT16] && seen[FS_KIND_FAT32]);
}

TEST(every_changed_byte_of_the_boot_sector_is_judged_as_by_oofatfs) {
    static const uint8_t values[] = { 0, 1, 2, 3, 4, 8, 0x10, 0x20, 0x40, 0x7f, 0x80, 0xe8, 0xe9, 0xeb, 0xfe, 0xff };
    fat_world_t fat = new_fat(64 << 20, 512, FM_FAT);
    unsigned broken = 0, whole = 0;
    for (unsigned at = 0; at < 512; at++) {
        for (unsigned i = 0; i < sizeof(values); i++) {
            uint8_t before = fat.disk.bytes[at];
            fat.disk.bytes[at] = values[i];
            fs_probe_t found = disk_world_probe(&fat.disk);
            fat.sector_size = found.block_size ? found.block_size : 512;
            fs_kind_t kind = fat_world_mounted(&fat);
            bool is = kind != FS_KIND_FAT_BROKEN;
            // Only that it is larger than the disk oofatfs does not notice.
            CHECK_EQ(found.kind, kind == FS_KIND_FAT_BROKEN && !fs_says_fat(fat.disk.bytes) ? FS_KIND_UNKNOWN : kind);
            bool fits = found.block_count * found.block_size <= fat.disk.size;
            CHECK_EQ(found.problem == NULL, (is && fits) || found.kind == FS_KIND_UNKNOWN);
            broken += !is;
            whole += is;
            fat.sector_size = 512;
            fat.disk.bytes[at] = before;
        }
    }
    CHECK(broken > 100 && whole > 5000);
    free(fat.disk.bytes);
}
