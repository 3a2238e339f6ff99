/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Extended partitions are in no standard: as in block/partitions/msdos.c of Linux. An extended partition begins
 * with a sector like an MBR, whose first entry is a logical partition, counted from that sector on, and whose second
 * one is where the next such sector lies, counted from the beginning of the extended partition on. */

#include "kernel/fs_parts.h"
#include "kernel/partitions_parts.h"

#define LOGICAL_FIRST 5
#define CHAIN_MAX 64 /* Links. */

typedef struct _entry_t {
    uint8_t type; /* 0: there is none. */
    disk_range_t range;
} entry_t;

static entry_t entry_of(const uint8_t *sector, unsigned i) {
    const uint8_t *at = sector + MBR_ENTRIES_AT + i * MBR_ENTRY_SIZE;
    entry_t entry = { at[4], { le32_at(at + 8), le32_at(at + 12) } };
    entry.type = entry.range.count ? entry.type : 0;
    return entry;
}

static bool is_extended(uint8_t type) {
    return type == 0x05 || type == 0x0f || type == 0x85;
}

static bool lies_within(disk_range_t inner, disk_range_t outer) {
    return inner.start >= outer.start && inner.start - outer.start <= outer.count
           && inner.count <= outer.count - (inner.start - outer.start);
}

static const char *add(partitions_t *table, const entry_t *entry, uint32_t number) {
    partition_t *partition;
    const char *problem = partitions_add(table, entry->range, number, &partition);
    if (!problem && partition) {
        partition->mbr_type = entry->type;
    }
    return problem;
}

static const char *read_chain(disk_view_t *view, disk_range_t extended, uint32_t *number, partitions_t *table) {
    uint64_t link = extended.start;
    for (unsigned i = 0; i < CHAIN_MAX; ++i) {
        const uint8_t *sector;
        if (!disk_view(view, (disk_range_t) { link, 1 }, 0, &sector)) {
            return "MBR: part of the extended partition cannot be read";
        }
        if (!boot_sector_is_signed(sector)) {
            return "MBR: the extended partition has a link without its signature";
        }
        entry_t logical = entry_of(sector, 0), next = entry_of(sector, 1);
        if (logical.type) {
            table->problem_number = *number;
            bool after_link = logical.range.start != 0;
            logical.range.start += link;
            if (!after_link || !lies_within(logical.range, extended)) {
                return "it lies outside of its extended partition";
            }
            const char *problem = add(table, &logical, (*number)++);
            if (problem) {
                return problem;
            }
            table->problem_number = 0;
        }
        if (!is_extended(next.type)) {
            return NULL;
        }
        if (next.range.start >= extended.count) {
            return "MBR: the extended partition has a link out of itself";
        }
        link = extended.start + next.range.start;
    }
    return "MBR: the links of the extended partition have no end";
}

const char *partitions_read_mbr(disk_view_t *view, const uint8_t *sector, partitions_t *table) {
    const disk_range_t after_table = { 1, view->sectors - 1 };
    entry_t entries[MBR_ENTRIES];
    for (unsigned i = 0; i < MBR_ENTRIES; ++i) {
        entries[i] = entry_of(sector, i);
    }
    for (unsigned i = 0; i < MBR_ENTRIES; ++i) {
        if (!entries[i].type) {
            continue;
        }
        table->problem_number = i + 1;
        if (!lies_within(entries[i].range, after_table)) {
            return entries[i].range.start ? "it passes the end of the disk" : "it begins before the table's end";
        }
        for (unsigned j = 0; j < i; ++j) {
            if (entries[j].type && ranges_overlap(entries[i].range, entries[j].range)) {
                return "it overlaps another partition";
            }
        }
        table->problem_number = 0;
    }
    const char *problem = NULL;
    for (unsigned i = 0; i < MBR_ENTRIES && !problem; ++i) {
        if (entries[i].type && !is_extended(entries[i].type)) {
            problem = add(table, &entries[i], i + 1);
        }
    }
    uint32_t number = LOGICAL_FIRST;
    for (unsigned i = 0; i < MBR_ENTRIES && !problem; ++i) {
        if (is_extended(entries[i].type)) {
            problem = read_chain(view, entries[i].range, &number, table);
        }
    }
    return problem;
}
