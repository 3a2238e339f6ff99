/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What stands at "/" until a file is used: an object that turns itself into the RAM disk's
 * filesystem when a method of one is asked of it. That is littlefs, or what a program made
 * on cloud_hypervisor.RAMDisk() before a soft reset. */

#include "py/mperrno.h"
#include "py/runtime.h"
#include "extmod/vfs.h"
#include "extmod/vfs_fat.h"
#include "extmod/vfs_lfs.h"

#include "lfs2_assert.h"
#include "ramdisk.h"
#include "vfs_disk.h"

// Memory has no pages to program; larger units than littlefs' default mean fewer calls.
#define LFS_UNIT 256
#define LFS_LOOKAHEAD 1024

static const mp_obj_type_t ramdisk_mount_type;
static const mp_obj_base_t ramdisk_mount_obj = { &ramdisk_mount_type };

_Noreturn void lfs2_bad_mode(void) {
    #if MICROPY_PY_MACHINE_DISK
    vfs_disk_abandon();
    #endif
    mp_raise_OSError(MP_EBADF);
}

// What extmod/vfs_lfs.c calls in place of mp_raise_OSError(): see the Makefile.
_Noreturn void vfs_lfs_raise_OSError(int error);
_Noreturn void vfs_lfs_raise_OSError(int error) {
    mp_raise_OSError(error < 0 ? -error : error);
}

static mp_obj_t call_lfs(mp_obj_t function, mp_obj_t bdev) {
    mp_obj_t args[] = {
        bdev,
        MP_OBJ_NEW_QSTR(MP_QSTR_readsize), MP_OBJ_NEW_SMALL_INT(LFS_UNIT),
        MP_OBJ_NEW_QSTR(MP_QSTR_progsize), MP_OBJ_NEW_SMALL_INT(LFS_UNIT),
        MP_OBJ_NEW_QSTR(MP_QSTR_lookahead), MP_OBJ_NEW_SMALL_INT(LFS_LOOKAHEAD),
    };
    return mp_call_function_n_kw(function, 1, 3, args);
}

// NULL where there is no littlefs on the disk.
static mp_obj_t find_lfs(mp_obj_t bdev) {
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        mp_obj_t lfs = call_lfs(MP_OBJ_FROM_PTR(&mp_type_vfs_lfs2), bdev);
        nlr_pop();
        return lfs;
    }
    if (!mp_obj_exception_match(MP_OBJ_FROM_PTR(nlr.ret_val), MP_OBJ_FROM_PTR(&mp_type_OSError))) {
        nlr_jump(nlr.ret_val);
    }
    return MP_OBJ_NULL;
}

// OSError(ENODEV) where there is no FAT either: mount() looks, not the constructor.
static mp_obj_t find_fat(mp_obj_t bdev) {
    #if MICROPY_VFS_FAT
    mp_obj_t fat = mp_call_function_1(MP_OBJ_FROM_PTR(&mp_fat_vfs_type), bdev);
    mp_obj_t mount[4];
    mp_load_method(fat, MP_QSTR_mount, mount);
    mount[2] = mp_const_false; // readonly
    mount[3] = mp_const_false; // mkfs
    mp_call_method_n_kw(2, 0, mount);
    return fat;
    #else
    (void)bdev;
    mp_raise_OSError(MP_ENODEV);
    #endif
}

// Opens the filesystem, which is made where nothing is on the disk yet, and puts it into the
// mount table instead of the object that called for it.
static mp_obj_t open_filesystem(void) {
    mp_obj_t bdev = ramdisk_open();
    if (ramdisk_is_blank()) {
        call_lfs(mp_load_attr(MP_OBJ_FROM_PTR(&mp_type_vfs_lfs2), MP_QSTR_mkfs), bdev);
    }
    mp_obj_t filesystem = find_lfs(bdev);
    if (filesystem == MP_OBJ_NULL) {
        filesystem = find_fat(bdev);
    }
    for (mp_vfs_mount_t *vfs = MP_STATE_VM(vfs_mount_table); vfs; vfs = vfs->next) {
        if (vfs->obj == MP_OBJ_FROM_PTR(&ramdisk_mount_obj)) {
            vfs->obj = filesystem;
        }
    }
    return filesystem;
}

// vfs.umount("/"): nothing is open yet, so it works whatever is on the disk.
static mp_obj_t ramdisk_mount_umount(void) {
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(ramdisk_mount_umount_obj, ramdisk_mount_umount);

static void ramdisk_mount_attr(mp_obj_t self, qstr attr, mp_obj_t *dest) {
    (void)self;
    if (dest[0] != MP_OBJ_NULL) {
        return;
    }
    if (attr == MP_QSTR_umount) {
        dest[0] = MP_OBJ_FROM_PTR(&ramdisk_mount_umount_obj);
    } else {
        mp_load_method_maybe(open_filesystem(), attr, dest);
    }
}

// A blank disk holds no file to import; one that cannot be read neither: whoever opens a file
// will hear why.
static mp_import_stat_t ramdisk_mount_import_stat(void *self, const char *path) {
    (void)self;
    mp_import_stat_t result = MP_IMPORT_STAT_NO_EXIST;
    nlr_buf_t nlr;
    if (!ramdisk_is_blank() && nlr_push(&nlr) == 0) {
        mp_obj_t filesystem = open_filesystem();
        const mp_vfs_proto_t *proto = MP_OBJ_TYPE_GET_SLOT(mp_obj_get_type(filesystem), protocol);
        result = proto->import_stat(MP_OBJ_TO_PTR(filesystem), path);
        nlr_pop();
    }
    return result;
}

static const mp_vfs_proto_t ramdisk_mount_proto = {
    .import_stat = ramdisk_mount_import_stat,
};

static MP_DEFINE_CONST_OBJ_TYPE(
    ramdisk_mount_type,
    MP_QSTR_RAMDisk,
    MP_TYPE_FLAG_NONE,
    attr, ramdisk_mount_attr,
    protocol, &ramdisk_mount_proto
    );

void ramdisk_mount(void) {
    mp_vfs_mount_t *vfs = m_new_obj(mp_vfs_mount_t);
    vfs->str = "/";
    vfs->len = 1;
    vfs->obj = MP_OBJ_FROM_PTR(&ramdisk_mount_obj);
    vfs->next = NULL;
    // "/" is the last entry of the table, and the ROM filesystem may be before it.
    mp_vfs_mount_t **last = &MP_STATE_VM(vfs_mount_table);
    while (*last) {
        last = &(*last)->next;
    }
    *last = vfs;
    MP_STATE_VM(vfs_cur) = vfs;
}
