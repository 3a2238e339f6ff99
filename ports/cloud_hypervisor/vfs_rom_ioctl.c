/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* vfs.rom_ioctl(): the machine has no ROM that a program could fill. */

#include "py/mperrno.h"
#include "py/runtime.h"
#include "extmod/vfs.h"

mp_obj_t mp_vfs_rom_ioctl(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    bool count = mp_obj_get_int(args[0]) == MP_VFS_ROM_IOCTL_GET_NUMBER_OF_SEGMENTS;
    return MP_OBJ_NEW_SMALL_INT(count ? 0 : -MP_EINVAL);
}

// What mp_init() calls in place of mp_vfs_mount_romfs_protected() (see the Makefile): that one raises
// an exception and catches it where there is no ROM, in five pages that a boot touches for nothing else.
int vfs_mount_rom(void);
int vfs_mount_rom(void) {
    return -MP_ENODEV;
}
