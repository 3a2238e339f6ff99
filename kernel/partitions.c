/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "kernel/fs_parts.h"
#include "kernel/partitions_parts.h"

_Static_assert(sizeof(partitions_t) <= 4096, "a page holds a table");

static bool is_mbr(const uint8_t *sector) {
    bool is = boot_sector_is_signed(sector);
    for (unsigned i = 0; i < MBR_ENTRIES; ++i) {
        is = is && (sector[MBR_ENTRIES_AT + i * MBR_ENTRY_SIZE] & 0x7f) == 0;
    }
    return is;
}

static bool is_protective(const uint8_t *sector) {
    bool is = false;
    for (unsigned i = 0; i < MBR_ENTRIES; ++i) {
        is = is || sector[MBR_ENTRIES_AT + i * MBR_ENTRY_SIZE + 4] == MBR_TYPE_GPT;
    }
    return is;
}

static bool is_boot_sector(const uint8_t *sector) {
    return fs_says_fat(sector) || !memcmp(sector + 3, "EXFAT   ", 8) || !memcmp(sector + 3, "NTFS    ", 8);
}

static bool is_small_superblock(const uint8_t *sector) {
    return !memcmp(sector + LITTLEFS_MAGIC_AT, LITTLEFS_MAGIC, sizeof(LITTLEFS_MAGIC) - 1)
           || !memcmp(sector, ROMFS_MAGIC, sizeof(ROMFS_MAGIC) - 1);
}

const char *partitions_add(partitions_t *table, disk_range_t range, uint32_t number, partition_t **partition) {
    for (uint32_t i = 0; i < table->count; ++i) {
        if (ranges_overlap(table->partition[i].range, range)) {
            table->problem_number = number;
            return "it overlaps another partition";
        }
    }
    *partition = NULL;
    if (table->count == PARTITIONS_MAX) {
        table->more = true;
        return NULL;
    }
    *partition = &table->partition[table->count++];
    (*partition)->range = range;
    (*partition)->number = number;
    return NULL;
}

static void give_up(partitions_t *table, partitions_kind_t kind) {
    const char *problem = table->problem, *copy_problem = table->copy_problem;
    uint32_t number = table->problem_number;
    memset(table, 0, sizeof(*table));
    table->kind = kind;
    if (kind == PARTITIONS_BROKEN) {
        table->problem = problem;
        table->copy_problem = copy_problem;
        table->problem_number = number;
    }
}

static void read_copy(disk_view_t *view, uint64_t header, partitions_t *table) {
    const char *problem = table->problem;
    uint32_t number = table->problem_number;
    memset(table, 0, sizeof(*table));
    table->problem = problem;
    uint64_t unused;
    view->failed = false;
    table->copy_problem = partitions_read_gpt(view, header, table, &unused);
    table->kind = table->copy_problem ? PARTITIONS_BROKEN : PARTITIONS_GPT;
    table->problem_number = number;
}

/* The rules are in partitions.h. */
void partitions_read(disk_view_t *view, partitions_t *table) {
    const uint8_t *sector;
    memset(table, 0, sizeof(*table));
    view->failed = false;
    if (disk_view(view, partitions_disk(view), 0, &sector) < BOOT_SECTOR_SIZE) {
        table->problem = "MBR: it cannot be read";
        give_up(table, view->failed ? PARTITIONS_BROKEN : PARTITIONS_NONE);
        return;
    }
    if (!is_mbr(sector)) {
        return;
    }
    bool boot_sector = is_boot_sector(sector), small = is_small_superblock(sector), gpt = is_protective(sector);
    uint64_t copy = view->sectors - 1;
    table->kind = gpt ? PARTITIONS_GPT : PARTITIONS_MBR;
    table->problem = gpt ? partitions_read_gpt(view, 1, table, &copy) : partitions_read_mbr(view, sector, table);
    bool holds = !table->problem && table->count;
    if ((boot_sector && !gpt && !holds) || (small && !holds)) {
        give_up(table, PARTITIONS_NONE);
    } else if (small) {
        table->problem = "a littlefs or ROMFS begins before the table, and nobody can say which of them is old";
        give_up(table, PARTITIONS_BROKEN);
    } else if (table->problem && gpt) {
        read_copy(view, copy, table);
        if (table->kind == PARTITIONS_BROKEN) {
            give_up(table, PARTITIONS_BROKEN);
        }
    } else if (table->problem) {
        give_up(table, PARTITIONS_BROKEN);
    }
}
