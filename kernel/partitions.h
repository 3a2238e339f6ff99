/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The partition table of a disk: MBR, with the logical partitions of extended ones, or GPT (UEFI 2.10, chapter 5).
 * A table is taken as a whole or not at all: partitions that overlap, or pass the end of the disk, could cost
 * someone's data. One read of 4 KiB for an MBR without extended partitions; a GPT of 128 entries needs five, or one
 * of 32 KiB. Nothing that is read is trusted. Pure, as disk_view.h.
 *
 * What has no table may be a whole-disk filesystem, and of these some end their first sector with an MBR's 55 aa, or
 * leave there what was on the disk before. The rules:
 * - Without 55 aa, or where one of the four entries' status is neither 00 nor 80, there is no table.
 * - Where the first sector is the boot sector of a FAT, exFAT or NTFS, there is a table only if it has
 *   partitions and nothing is wrong with it. Their makers write all of that sector, so such a table came later; the
 *   boot code that a filesystem has in its place makes none. A protective MBR it makes least of all: a GPT
 *   counts, broken or not.
 * - littlefs and ROMFS may leave an old table as it is, and making a table leaves what is before it: where
 *   one of them and a table with partitions are there, nobody can say which is the old one. That is a broken table. But
 *   for a GPT whose beginning is overwritten: that is no table any more.
 * - A GPT without a protective MBR is no table: UEFI 2.10, 5.2.3. */
#ifndef MICROPY_INCLUDED_KERNEL_PARTITIONS_H
#define MICROPY_INCLUDED_KERNEL_PARTITIONS_H

#include "kernel/disk_view.h"

#define PARTITIONS_MAX 24 /* Further ones are left out. */
#define PARTITION_NAME_SIZE 109 /* 36 units of UTF-16 as UTF-8, and a NUL. */
#define PARTITION_GUID_SIZE 16

typedef enum _partitions_kind_t {
    PARTITIONS_NONE,   /* A whole-disk filesystem, or blank. */
    PARTITIONS_MBR,
    PARTITIONS_GPT,
    PARTITIONS_BROKEN, /* There is a table, and what it says must not be used. */
} partitions_kind_t;

typedef struct _partition_t {
    disk_range_t range;                  /* Not empty, on the disk, and of no two the same sector. */
    uint32_t number;                     /* GPT: of its entry, from 1 on. MBR: 1 to 4, logical ones from 5 on. */
    uint8_t mbr_type;                    /* MBR's; not 0. */
    uint8_t type_guid[PARTITION_GUID_SIZE]; /* GPT's, as on the disk: UEFI 2.10, appendix A. */
    char name[PARTITION_NAME_SIZE];      /* GPT's, in UTF-8, without control characters. May be empty, or not unique. */
} partition_t;

/* Fits into a page. */
typedef struct _partitions_t {
    partitions_kind_t kind;
    uint32_t count;
    bool more;                  /* There are more than PARTITIONS_MAX. */
    uint32_t problem_number;    /* Of the partition that the problem is about, "it overlaps another partition"; or 0. */
    /* For people. With PARTITIONS_BROKEN what is wrong; with PARTITIONS_GPT why its copy at the end is used, or
     * NULL. */
    const char *problem;
    const char *copy_problem;   /* What is wrong with the copy of a GPT that is broken; or NULL. */
    partition_t partition[PARTITIONS_MAX]; /* In the table's order. */
} partitions_t;

void partitions_read(disk_view_t *view, partitions_t *table);

#endif // MICROPY_INCLUDED_KERNEL_PARTITIONS_H
