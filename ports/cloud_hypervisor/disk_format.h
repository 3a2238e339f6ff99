/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Filesystems of disks, made and used with what suits a disk. */
#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_DISK_FORMAT_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_DISK_FORMAT_H

#include "py/obj.h"

// Calls VfsLfs2, or its mkfs, for a machine.Disk whose blocks are to be littlefs' own.
mp_obj_t disk_call_littlefs(mp_obj_t function, mp_obj_t disk);

// machine.Disk.format(kind="littlefs")
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(disk_format_obj);

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_DISK_FORMAT_H
