/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* machine.Disk: a disk, or a part of one, as MicroPython's block devices are. */
#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_MACHINE_DISK_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_MACHINE_DISK_H

#include "py/obj.h"

#include "kernel/disk.h"

extern const mp_obj_type_t machine_disk_type;

// One with blocks of `block_size` bytes, a multiple of the disk's own; 0: as those. Takes over what the caller holds of
// the part.
mp_obj_t machine_disk_new(disk_part_t *part, uint32_t block_size);

// One for a range of bytes of a part.
mp_obj_t machine_disk_within(const disk_part_t *part, uint64_t start, uint64_t size, bool readonly, uint32_t block_size);

// What it is a part of. NULL: the object is no machine.Disk, nor of a class derived from that.
disk_part_t *machine_disk_part(mp_obj_t self);

// Bytes from `offset` of a block on. 0, or the negative of an error. The GIL is not needed.
int machine_disk_read(mp_obj_t self, size_t block, size_t offset, void *buf, size_t len);
int machine_disk_write(mp_obj_t self, size_t block, size_t offset, const void *buf, size_t len);

// Of the block protocol: a count, 0, or the negative of an error. The GIL is not needed.
mp_int_t machine_disk_ioctl(mp_obj_t self, mp_uint_t request);

// Lets go of the disks whose objects are gone; of all of them, when no object is used any more.
void machine_disk_after_collection(void);
void machine_disk_deinit(void);

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_MACHINE_DISK_H
