/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A ROMFS of a disk. MicroPython's reader wants all of it in memory, and trusts what it reads. The strings and the code
 * of a compiled module that is imported from it stay where they are. So it is read and looked over as a whole, and its
 * memory is given back when the interpreter ends or starts anew: not before, as the collector does not see who points
 * into it. */
#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_DISK_ROM_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_DISK_ROM_H

#include "py/obj.h"

#include "kernel/disk.h"

// The VfsRom of an image of `size` bytes at the beginning of a machine.Disk, which is claimed. Raises OSError: ENOMEM
// where it does not fit into memory, ENODEV where something is wrong with it, or why it cannot be read; with a text
// that says more.
mp_obj_t disk_rom_new(mp_obj_t disk, uint64_t size);

// Where that lies; NULL: it is a VfsRom of something else.
disk_part_t *disk_rom_part(mp_obj_t vfs_rom);

// Gives back the memory of all of them. None is used any more, nor what was imported.
void disk_rom_deinit(void);

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_DISK_ROM_H
