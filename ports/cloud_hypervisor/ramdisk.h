/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A disk in memory, and the filesystem on it that is mounted at "/". Both come into being
 * when a program first uses a file: a machine that never does pays nothing. A board without
 * littlefs has neither. */
#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_RAMDISK_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_RAMDISK_H

#include "py/obj.h"

#define RAMDISK_BLOCK_SIZE 4096

// cloud_hypervisor.RAMDisk, a block device in the sense of vfs.AbstractBlockDev.
extern const mp_obj_type_t ramdisk_type;

// The disk, which outlasts a soft reset, as an object. Raises OSError(ENOMEM) where there is
// no memory for it, OSError(ENODEV) where the setting ramdisk=0 forbids one.
mp_obj_t ramdisk_open(void);

// True until something is written to the disk: there is no filesystem on it.
bool ramdisk_is_blank(void);

// Mounts the disk's filesystem at "/" and goes there. After mp_init().
void ramdisk_mount(void);

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_RAMDISK_H
