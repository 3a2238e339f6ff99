/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* littlefs and FAT on a machine.Disk: one thread of the interpreter is in them at a time, and has no need of the GIL as long
 * as the disk is asked; so others run meanwhile. On other block devices, which may be Python, all is as upstream has it.
 *
 * The first functions stand for upstream's of the same names without `disk_`: see the Makefile. */
#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_VFS_DISK_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_VFS_DISK_H

#include "extmod/vfs.h"

int vfs_disk_blockdev_read(mp_vfs_blockdev_t *self, size_t block_num, size_t num_blocks, uint8_t *buf);
int vfs_disk_blockdev_read_ext(mp_vfs_blockdev_t *self, size_t block_num, size_t block_off, size_t len, uint8_t *buf);
int vfs_disk_blockdev_write(mp_vfs_blockdev_t *self, size_t block_num, size_t num_blocks, const uint8_t *buf);
int vfs_disk_blockdev_write_ext(mp_vfs_blockdev_t *self, size_t block_num, size_t block_off, size_t len, const uint8_t *buf);
mp_obj_t vfs_disk_blockdev_ioctl_of_lfs(mp_vfs_blockdev_t *self, uintptr_t cmd, uintptr_t arg);

// For FAT. A sync that fails raises OSError: oofatfs does not hear of it otherwise.
mp_obj_t vfs_disk_blockdev_ioctl_of_fat(mp_vfs_blockdev_t *self, uintptr_t cmd, uintptr_t arg);

// A copy of the path: upstream makes all of them in one place, and a thread that waits needs its own meanwhile.
const char *vfs_disk_own_path(vstr_t *path);

// Begins and ends this thread's turn in a filesystem on the device.
void vfs_disk_lock(const mp_vfs_blockdev_t *device);
void vfs_disk_unlock(const mp_vfs_blockdev_t *device);

// Ends this thread's turn, if it has one: it is about to raise.
void vfs_disk_abandon(void);

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_VFS_DISK_H
