/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "py/gc.h"
#include "py/mperrno.h"
#include "py/mpthread.h"
#include "py/runtime.h"
#include "lib/oofatfs/ff.h"
#include "extmod/vfs_fat.h"

#include "kernel/mutex.h"
#include "kernel/thread.h"
#include "machine_disk.h"
#include "vfs_disk.h"

// Of the interpreter, for all its disks. Who waits for it in a finaliser keeps the GIL: so nobody who has it may wait for that.
static mutex_t turn;
static const thread_t *owner;  // Who has it.
static bool gil_is_left;       // By the owner, until its turn ends.

static mp_obj_t disk_of(const mp_vfs_blockdev_t *device) {
    mp_obj_t object = device->readblocks[1];
    return mp_obj_is_type(object, &machine_disk_type) ? object : MP_OBJ_NULL;
}

void vfs_disk_lock(const mp_vfs_blockdev_t *device) {
    if (disk_of(device) == MP_OBJ_NULL) {
        return;
    }
    bool leave = false;
    if (!mutex_try_lock(&turn)) {
        leave = !gc_is_locked();
        if (leave) {
            MP_THREAD_GIL_EXIT();
        }
        mutex_lock(&turn);
    }
    owner = thread_current();
    gil_is_left = leave;
}

static void end_turn(void) {
    bool enter = gil_is_left;
    owner = NULL;
    mutex_unlock(&turn); // First: who has the GIL may be waiting for this.
    if (enter) {
        MP_THREAD_GIL_ENTER();
    }
}

void vfs_disk_unlock(const mp_vfs_blockdev_t *device) {
    if (disk_of(device) != MP_OBJ_NULL) {
        end_turn();
    }
}

void vfs_disk_abandon(void) {
    if (owner == thread_current()) {
        end_turn();
    }
}

// Around a use of the disk. In a turn the GIL is left for the rest of it; else, as while a filesystem is made, nobody else
// knows of what is done, and it is left just now.
static bool leave_gil(void) {
    bool has_turn = owner == thread_current();
    if ((has_turn && gil_is_left) || gc_is_locked()) {
        return false;
    }
    if (has_turn) {
        gil_is_left = true; // Else it is another thread's.
    }
    MP_THREAD_GIL_EXIT();
    return !has_turn;
}

static void enter_gil(bool was_left) {
    if (was_left) {
        MP_THREAD_GIL_ENTER();
    }
}

static int read(mp_obj_t disk, size_t block, size_t offset, size_t len, uint8_t *buf) {
    bool left = leave_gil();
    int result = machine_disk_read(disk, block, offset, buf, len);
    enter_gil(left);
    return result;
}

static int write(const mp_vfs_blockdev_t *self, mp_obj_t disk, size_t block, size_t offset, size_t len, const uint8_t *buf) {
    if (self->writeblocks[0] == MP_OBJ_NULL) {
        return -MP_EROFS;
    }
    bool left = leave_gil();
    int result = machine_disk_write(disk, block, offset, buf, len);
    enter_gil(left);
    return result;
}

int vfs_disk_blockdev_read(mp_vfs_blockdev_t *self, size_t block_num, size_t num_blocks, uint8_t *buf) {
    mp_obj_t disk = disk_of(self);
    return disk != MP_OBJ_NULL ? read(disk, block_num, 0, num_blocks * self->block_size, buf)
        : mp_vfs_blockdev_read(self, block_num, num_blocks, buf);
}

int vfs_disk_blockdev_read_ext(mp_vfs_blockdev_t *self, size_t block_num, size_t block_off, size_t len, uint8_t *buf) {
    mp_obj_t disk = disk_of(self);
    return disk != MP_OBJ_NULL ? read(disk, block_num, block_off, len, buf)
        : mp_vfs_blockdev_read_ext(self, block_num, block_off, len, buf);
}

int vfs_disk_blockdev_write(mp_vfs_blockdev_t *self, size_t block_num, size_t num_blocks, const uint8_t *buf) {
    mp_obj_t disk = disk_of(self);
    return disk != MP_OBJ_NULL ? write(self, disk, block_num, 0, num_blocks * self->block_size, buf)
        : mp_vfs_blockdev_write(self, block_num, num_blocks, buf);
}

int vfs_disk_blockdev_write_ext(mp_vfs_blockdev_t *self, size_t block_num, size_t block_off, size_t len, const uint8_t *buf) {
    mp_obj_t disk = disk_of(self);
    return disk != MP_OBJ_NULL ? write(self, disk, block_num, block_off, len, buf)
        : mp_vfs_blockdev_write_ext(self, block_num, block_off, len, buf);
}

static mp_obj_t at_most(mp_obj_t count, mp_int_t most) {
    bool is_more = mp_obj_is_small_int(count) && MP_OBJ_SMALL_INT_VALUE(count) > most;
    return is_more ? MP_OBJ_NEW_SMALL_INT(most) : count;
}

// What it returns is a small int: no memory is taken, as the GIL may have been left.
static mp_obj_t vfs_disk_blockdev_ioctl(mp_vfs_blockdev_t *self, uintptr_t cmd, uintptr_t arg) {
    mp_obj_t disk = disk_of(self);
    if (disk == MP_OBJ_NULL) {
        return mp_vfs_blockdev_ioctl(self, cmd, arg);
    }
    if (cmd == MP_BLOCKDEV_IOCTL_INIT && machine_disk_part(disk)->readonly) {
        self->writeblocks[0] = MP_OBJ_NULL;
    }
    bool left = cmd == MP_BLOCKDEV_IOCTL_SYNC && leave_gil();
    mp_int_t result = machine_disk_ioctl(disk, cmd);
    enter_gil(left);
    return MP_OBJ_NEW_SMALL_INT(result);
}

// littlefs counts blocks by an int.
mp_obj_t vfs_disk_blockdev_ioctl_of_lfs(mp_vfs_blockdev_t *self, uintptr_t cmd, uintptr_t arg) {
    mp_obj_t result = vfs_disk_blockdev_ioctl(self, cmd, arg);
    return cmd == MP_BLOCKDEV_IOCTL_BLOCK_COUNT ? at_most(result, INT32_MAX) : result;
}

mp_obj_t vfs_disk_blockdev_ioctl_of_fat(mp_vfs_blockdev_t *self, uintptr_t cmd, uintptr_t arg) {
    mp_obj_t result = vfs_disk_blockdev_ioctl(self, cmd, arg);
    if (cmd == MP_BLOCKDEV_IOCTL_SYNC && mp_obj_is_small_int(result) && MP_OBJ_SMALL_INT_VALUE(result) < 0) {
        vfs_disk_abandon();
        mp_raise_OSError(-MP_OBJ_SMALL_INT_VALUE(result));
    }
    return cmd == MP_BLOCKDEV_IOCTL_BLOCK_COUNT ? at_most(result, UINT32_MAX) : result;
}

#if MICROPY_VFS_FAT
// The lock of a volume, as oofatfs asks for it.
static const mp_vfs_blockdev_t *device_of(const FATFS *volume) {
    return &((const fs_user_mount_t *)volume->drv)->blockdev;
}

int ff_cre_syncobj(FATFS *volume, FF_SYNC_t *lock) {
    *lock = volume;
    return 1;
}

int ff_del_syncobj(FF_SYNC_t lock) {
    (void)lock;
    return 1;
}

int ff_req_grant(FF_SYNC_t lock) {
    vfs_disk_lock(device_of(lock));
    return 1;
}

void ff_rel_grant(FF_SYNC_t lock) {
    vfs_disk_unlock(device_of(lock));
}
#endif

const char *vfs_disk_own_path(vstr_t *path) {
    char *own = m_new(char, path->len + 1);
    memcpy(own, path->buf, path->len);
    own[path->len] = '\0';
    return own;
}
