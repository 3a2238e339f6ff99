/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* vfs.rom_ioctl(): the machine's one ROM is the application's ROMFS, which no program can fill. */

#include "py/mperrno.h"
#include "py/objarray.h"
#include "py/runtime.h"
#include "extmod/vfs.h"
#include "kernel/application.h"

mp_obj_t mp_vfs_rom_ioctl(size_t n_args, const mp_obj_t *args) {
    size_t size;
    const void *romfs = application_romfs(&size);
    switch (mp_obj_get_int(args[0])) {
        case MP_VFS_ROM_IOCTL_GET_NUMBER_OF_SEGMENTS:
            return MP_OBJ_NEW_SMALL_INT(romfs ? 1 : 0);
        case MP_VFS_ROM_IOCTL_GET_SEGMENT:
            if (romfs && n_args > 1 && mp_obj_get_int(args[1]) == 0) {
                return mp_obj_new_memoryview('B', size, (void *)romfs);
            }
    }
    return MP_OBJ_NEW_SMALL_INT(-MP_EINVAL);
}

// What mp_init() calls in place of mp_vfs_mount_romfs_protected() (see the Makefile): that one raises
// an exception and catches it where there is no ROM, in five pages that a boot touches for nothing else.
int vfs_mount_rom(void);
int vfs_mount_rom(void) {
    size_t size;
    return application_romfs(&size) ? mp_vfs_mount_romfs_protected() : -MP_ENODEV;
}
