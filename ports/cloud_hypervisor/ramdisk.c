/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "py/mperrno.h"
#include "py/runtime.h"
#include "extmod/vfs.h"

#include "kernel/cmdline.h"
#include "kernel/interpreter.h"
#include "kernel/system.h"
#include "ramdisk.h"

// Without a setting ramdisk=SIZE: this part of the memory, at most so much.
#define SHARE 8
#define SIZE_MAX_DEFAULT (256 << 20)
#define SIZE_MIN (16 * RAMDISK_BLOCK_SIZE)

static uint8_t *disk;
static size_t disk_size;
static bool is_written;

static const mp_obj_base_t ramdisk_obj = { &ramdisk_type };

bool ramdisk_is_blank(void) {
    return !is_written;
}

static uint64_t size_setting(void) {
    const char *setting = system_setting("ramdisk");
    uint64_t size = MIN(system_ram_bytes() / SHARE, SIZE_MAX_DEFAULT);
    if (setting && !cmdline_parse_size(setting, &size)) {
        mp_raise_ValueError(MP_ERROR_TEXT("the setting ramdisk= wants a size: 64M, 1G, or 0 for none"));
    }
    return size & ~(uint64_t)(RAMDISK_BLOCK_SIZE - 1);
}

mp_obj_t ramdisk_open(void) {
    if (!disk) {
        uint64_t size = size_setting();
        if (size < SIZE_MIN) {
            mp_raise_OSError(MP_ENODEV);
        }
        disk = interpreter_area(size);
        if (!disk) {
            mp_raise_OSError(MP_ENOMEM);
        }
        disk_size = size;
    }
    return MP_OBJ_FROM_PTR(&ramdisk_obj);
}

static mp_obj_t ramdisk_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    (void)type;
    (void)args;
    mp_arg_check_num(n_args, n_kw, 0, 0, false);
    return ramdisk_open();
}

// The memory that readblocks(block, buffer[, offset]) means. NULL: not all of it is disk.
static uint8_t *find(size_t n_args, const mp_obj_t *args, size_t len) {
    size_t block = mp_obj_get_int(args[1]);
    size_t offset = n_args == 4 ? mp_obj_get_int(args[3]) : 0;
    if (block > disk_size / RAMDISK_BLOCK_SIZE || offset > disk_size || len > disk_size) {
        return NULL;
    }
    size_t start = block * RAMDISK_BLOCK_SIZE + offset;
    return start <= disk_size - len ? disk + start : NULL;
}

static mp_obj_t ramdisk_readblocks(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[2], &buffer, MP_BUFFER_WRITE);
    uint8_t *place = find(n_args, args, buffer.len);
    if (!place) {
        return MP_OBJ_NEW_SMALL_INT(-MP_EINVAL);
    }
    memcpy(buffer.buf, place, buffer.len);
    return MP_OBJ_NEW_SMALL_INT(0);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ramdisk_readblocks_obj, 3, 4, ramdisk_readblocks);

static mp_obj_t ramdisk_writeblocks(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[2], &buffer, MP_BUFFER_READ);
    uint8_t *place = find(n_args, args, buffer.len);
    if (!place) {
        return MP_OBJ_NEW_SMALL_INT(-MP_EINVAL);
    }
    is_written = true;
    memcpy(place, buffer.buf, buffer.len);
    return MP_OBJ_NEW_SMALL_INT(0);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ramdisk_writeblocks_obj, 3, 4, ramdisk_writeblocks);

static mp_obj_t ramdisk_ioctl(mp_obj_t self, mp_obj_t request, mp_obj_t arg) {
    (void)self;
    (void)arg;
    switch (mp_obj_get_int(request)) {
        case MP_BLOCKDEV_IOCTL_BLOCK_COUNT:
            return MP_OBJ_NEW_SMALL_INT(disk_size / RAMDISK_BLOCK_SIZE);
        case MP_BLOCKDEV_IOCTL_BLOCK_SIZE:
            return MP_OBJ_NEW_SMALL_INT(RAMDISK_BLOCK_SIZE);
        case MP_BLOCKDEV_IOCTL_INIT:
        case MP_BLOCKDEV_IOCTL_DEINIT:
        case MP_BLOCKDEV_IOCTL_SYNC:
        case MP_BLOCKDEV_IOCTL_BLOCK_ERASE: // Memory is written over as it is.
            return MP_OBJ_NEW_SMALL_INT(0);
        default:
            return mp_const_none;
    }
}
static MP_DEFINE_CONST_FUN_OBJ_3(ramdisk_ioctl_obj, ramdisk_ioctl);

static const mp_rom_map_elem_t ramdisk_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_readblocks), MP_ROM_PTR(&ramdisk_readblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_writeblocks), MP_ROM_PTR(&ramdisk_writeblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_ioctl), MP_ROM_PTR(&ramdisk_ioctl_obj) },
};
static MP_DEFINE_CONST_DICT(ramdisk_locals, ramdisk_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    ramdisk_type,
    MP_QSTR_RAMDisk,
    MP_TYPE_FLAG_NONE,
    make_new, ramdisk_make_new,
    locals_dict, &ramdisk_locals
    );
