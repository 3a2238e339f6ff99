/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What is on a disk, for whoever mounts it. */
#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_DISK_CONTENT_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_DISK_CONTENT_H

#include "py/obj.h"

#include "kernel/disk.h"
#include "kernel/fs_probe.h"
#include "kernel/partitions.h"

// On the heap of the interpreter.
typedef struct _disk_content_t {
    disk_part_t *part;    // Held by the caller for as long.
    disk_view_t view;
    partitions_t table;
    uint8_t buffer[DISK_VIEW_BUFFER_MIN];
} disk_content_t;

// Reads the partition table of the part. Raises MemoryError only: what cannot be read is in view.failed.
disk_content_t *disk_content_read(disk_part_t *part);

// All of the part, as a range.
disk_range_t disk_content_all(const disk_content_t *content);

// The partition of that number. False where there is none, or the table is not to be used.
bool disk_content_find(const disk_content_t *content, uint32_t number, disk_range_t *range);

// Looks what filesystem is there.
void disk_content_probe(disk_content_t *content, disk_range_t range, fs_probe_t *found);

// Whether it is one to be mounted.
bool disk_content_is_mountable(const fs_probe_t *found);

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_DISK_CONTENT_H
