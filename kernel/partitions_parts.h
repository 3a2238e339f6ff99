/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The parts of partitions.c. */
#ifndef MICROPY_INCLUDED_KERNEL_PARTITIONS_PARTS_H
#define MICROPY_INCLUDED_KERNEL_PARTITIONS_PARTS_H

#include "kernel/partitions.h"

/* An MBR: UEFI 2.10, table 5.1. */
#define MBR_ENTRIES_AT 446
#define MBR_ENTRIES 4
#define MBR_ENTRY_SIZE 16
#define MBR_TYPE_GPT 0xee /* The whole disk, for those who do not know GPT. */

/* A whole disk. */
static inline disk_range_t partitions_disk(const disk_view_t *view) {
    return (disk_range_t) { 0, view->sectors };
}

static inline bool ranges_overlap(disk_range_t a, disk_range_t b) {
    return a.start < b.start ? b.start - a.start < a.count : a.start - b.start < b.count;
}

/* Gives a new partition its place in the table, or NULL where there is none any more. Returns NULL, or what is
 * wrong: it overlaps another one. */
const char *partitions_add(partitions_t *table, disk_range_t range, uint32_t number, partition_t **partition);

/* Fill the table with what the disk's first sector says, or a GPT whose header is in the sector `header`. Return NULL,
 * or what is wrong, and then problem_number may be set. Where the header is whole its other place is stored. */
const char *partitions_read_mbr(disk_view_t *view, const uint8_t *sector, partitions_t *table);
const char *partitions_read_gpt(disk_view_t *view, uint64_t header, partitions_t *table, uint64_t *alternate);

#endif // MICROPY_INCLUDED_KERNEL_PARTITIONS_PARTS_H
