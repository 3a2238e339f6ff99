/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Filesystems of disks: what is on them at the boot is mounted, and what vfs.mount() and vfs.umount() do with a
 * machine.Disk. */
#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_DISK_MOUNT_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_DISK_MOUNT_H

#include <stdbool.h>

#include "py/obj.h"

// Mounts the filesystems of all disks: where the settings mount= want them; of the others the first at "/", the second at
// "/disk1", and so on. Says on the console what it leaves alone, and why. Returns whether "/" is one of them.
bool disk_mount_all(void);

// os.sync()
MP_DECLARE_CONST_FUN_OBJ_0(disk_sync_obj);

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_DISK_MOUNT_H
