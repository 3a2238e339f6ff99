/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What check_fs() and find_volume() of MicroPython's lib/oofatfs/ff.c ask of a FAT's boot sector before they mount
 * it, and that it fits where it lies, which they do not ask. The fields: Microsoft's FAT specification 1.03. */

#include "kernel/fs_parts.h"

enum {
    BYTES_PER_SECTOR = 11,
    SECTORS_PER_CLUSTER = 13,
    RESERVED_SECTORS = 14,
    FATS = 16,
    ROOT_ENTRIES = 17,
    SECTORS_16 = 19,
    FAT_SECTORS_16 = 22,
    SECTORS_32 = 32,
    FAT_SECTORS_32 = 36,
    LABEL = 43,
    TYPE = 54,
    VERSION_32 = 42,
    LABEL_32 = 71,
    TYPE_32 = 82,
};

#define LABEL_LEN 11
#define ROOT_ENTRY_SIZE 32
/* The most clusters of each width: oofatfs, which follows DOS here and not the specification. */
#define CLUSTERS_MAX_12 0xff5
#define CLUSTERS_MAX_16 0xfff5
#define CLUSTERS_MAX_32 0x0ffffff5

static const char no_sense[] = "its boot sector makes no sense";

static bool is_power_of_two(uint32_t value) {
    return value && !(value & (value - 1));
}

bool fs_says_fat(const uint8_t *sector) {
    return boot_sector_is_signed(sector) && (sector[0] == 0xe9 || sector[0] == 0xeb || sector[0] == 0xe8)
           && (!memcmp(sector + TYPE, "FAT", 3) || !memcmp(sector + TYPE_32, "FAT32", 5));
}

/* Stores the kind and the size. Returns what is wrong, or NULL. */
static const char *read_boot_sector(const uint8_t *boot, fs_probe_t *found) {
    uint32_t sector_size = le16_at(boot + BYTES_PER_SECTOR);
    if (!is_power_of_two(sector_size) || sector_size < 512 || sector_size > 4096) {
        return no_sense;
    }
    uint64_t fat_sectors = le16_at(boot + FAT_SECTORS_16);
    if (!fat_sectors) {
        fat_sectors = le32_at(boot + FAT_SECTORS_32);
    }
    uint64_t sectors = le16_at(boot + SECTORS_16);
    if (!sectors) {
        sectors = le32_at(boot + SECTORS_32);
    }
    uint32_t fats = boot[FATS], reserved = le16_at(boot + RESERVED_SECTORS);
    uint32_t cluster = boot[SECTORS_PER_CLUSTER], root_entries = le16_at(boot + ROOT_ENTRIES);
    uint32_t entries_per_sector = sector_size / ROOT_ENTRY_SIZE;
    if ((fats != 1 && fats != 2) || !is_power_of_two(cluster) || root_entries % entries_per_sector || !reserved) {
        return no_sense;
    }
    uint64_t before_data = reserved + fats * fat_sectors + root_entries / entries_per_sector;
    if (sectors < before_data) {
        return no_sense;
    }
    uint64_t clusters = (sectors - before_data) / cluster;
    if (!clusters || clusters > CLUSTERS_MAX_32) {
        return no_sense;
    }
    fs_kind_t kind = clusters <= CLUSTERS_MAX_12 ? FS_KIND_FAT12
        : clusters <= CLUSTERS_MAX_16 ? FS_KIND_FAT16 : FS_KIND_FAT32;
    if ((kind == FS_KIND_FAT32) == (root_entries != 0) || (kind == FS_KIND_FAT32 && le16_at(boot + VERSION_32))) {
        return no_sense;
    }
    uint64_t entries = clusters + 2;
    unsigned nibbles = kind == FS_KIND_FAT12 ? 3 : kind == FS_KIND_FAT16 ? 4 : 8;
    uint64_t fat_bytes = (entries * nibbles + 1) / 2;
    if (fat_sectors < (fat_bytes + sector_size - 1) / sector_size) {
        return no_sense;
    }
    found->kind = kind;
    found->block_size = sector_size;
    found->block_count = sectors;
    return NULL;
}

bool fs_probe_fat(disk_view_t *view, disk_range_t range, fs_probe_t *found) {
    const uint8_t *boot;
    if (disk_view(view, range, 0, &boot) < BOOT_SECTOR_SIZE || !fs_says_fat(boot)) {
        return false;
    }
    found->kind = FS_KIND_FAT_BROKEN;
    found->problem = read_boot_sector(boot, found);
    if (!found->problem) {
        const uint8_t *label = boot + (found->kind == FS_KIND_FAT32 ? LABEL_32 : LABEL);
        if (memcmp(label, "NO NAME    ", LABEL_LEN)) {
            fs_put_label(found, label, LABEL_LEN);
        }
        if (!disk_range_holds(view, range, found->block_count, found->block_size)) {
            found->problem = "it is larger than what it lies in";
        }
    }
    return true;
}
