/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "py/mperrno.h"
#include "py/mpthread.h"
#include "py/runtime.h"
#include "extmod/vfs.h"
#include "extmod/vfs_fat.h"
#include "extmod/vfs_lfs.h"

#include "disk_format.h"
#include "machine_disk.h"

#define MIB ((uint64_t)1 << 20)
#define GIB (MIB << 10)

// littlefs on a disk: docs/disks.md says how these were found.
#define LFS_READ 2048
#define LFS_LOOKAHEAD_MAX 16384

// Where other filesystems and partition tables begin, the second block of a littlefs with the largest blocks too; and where a
// GPT has its copy.
#define HEAD_SIZE (MIB + (64 << 10))
#define TAIL_SIZE (64u << 10)
#define BUFFER_SIZE (64u << 10)

#if MICROPY_VFS_LFS2
mp_obj_t disk_call_littlefs(mp_obj_t function, mp_obj_t disk) {
    uint32_t sector = machine_disk_part(disk)->disk->blk.block_size;
    uint32_t block = machine_disk_ioctl(disk, MP_BLOCKDEV_IOCTL_BLOCK_SIZE);
    uint64_t blocks = machine_disk_ioctl(disk, MP_BLOCKDEV_IOCTL_BLOCK_COUNT);
    // Upstream's buffers hold four times what is read at once, or a block. Where blocks are not made of such, they hold a block.
    uint32_t read = MAX(LFS_READ, sector), buffer = MIN(4 * read, block);
    if (block % buffer || buffer % read) {
        read = block;
    }
    // A byte for eight blocks, in whole eights.
    uint32_t lookahead = MAX(MIN((blocks + 63) / 64 * 8, LFS_LOOKAHEAD_MAX), 16);
    mp_obj_t args[] = {
        disk,
        MP_OBJ_NEW_QSTR(MP_QSTR_readsize), MP_OBJ_NEW_SMALL_INT(read),
        MP_OBJ_NEW_QSTR(MP_QSTR_progsize), MP_OBJ_NEW_SMALL_INT(block % sector ? block : sector),
        MP_OBJ_NEW_QSTR(MP_QSTR_lookahead), MP_OBJ_NEW_SMALL_INT(lookahead),
    };
    return mp_call_function_n_kw(function, 1, 3, args);
}

// tools/disk/littlefs.py has the same.
static uint32_t littlefs_block_size(uint64_t size) {
    return size < 16 * MIB ? 4096 : size < GIB ? 16384 : size < 4 * GIB ? 32768 : size < 16 * GIB ? 65536 : 131072;
}

static void make_littlefs(mp_obj_t disk) {
    disk_call_littlefs(mp_load_attr(MP_OBJ_FROM_PTR(&mp_type_vfs_lfs2), MP_QSTR_mkfs), disk);
}
#endif

#if MICROPY_VFS_FAT
// Each time that a cluster's number lies in another sector of the FAT, a long file's writes are interrupted. tools/disk/create.py has the
// same.
static const struct {
    uint64_t below; // Bytes of the disk.
    uint8_t type;
    uint16_t cluster;
} fat_sizes[] = {
    { 64 * MIB, FM_FAT, 0 }, // As upstream chooses.
    { 256 * MIB, FM_FAT, 8192 },
    { GIB, FM_FAT, 16384 },
    { 4 * GIB, FM_FAT32, 8192 },
    { UINT64_MAX, FM_FAT32, 32768 },
};

// Without a partition table: what upstream's mkfs() makes of more than 2 GiB has one, and begins at sector 63.
static void make_fat(mp_obj_t disk) {
    fs_user_mount_t *vfs = MP_OBJ_TO_PTR(mp_call_function_1(MP_OBJ_FROM_PTR(&mp_fat_vfs_type), disk));
    void *buffer = m_new(uint8_t, BUFFER_SIZE);
    unsigned i = 0;
    while (disk_part_size(machine_disk_part(disk)) >= fat_sizes[i].below) {
        ++i;
    }
    FRESULT result = f_mkfs(&vfs->fatfs, fat_sizes[i].type | FM_SFD, fat_sizes[i].cluster, buffer, BUFFER_SIZE);
    m_del(uint8_t, buffer, BUFFER_SIZE);
    if (result != FR_OK) {
        mp_raise_OSError(result == FR_MKFS_ABORTED ? MP_EINVAL : fresult_to_errno_table[result]);
    }
}
#endif

#if MICROPY_VFS_LFS2 || MICROPY_VFS_FAT
typedef struct _kind_t {
    qstr name;
    void (*make)(mp_obj_t disk);
    uint32_t (*block_size)(uint64_t size); // NULL: the disk's own.
} kind_t;

// The first one is the default.
static const kind_t kinds[] = {
    #if MICROPY_VFS_LFS2
    { MP_QSTR_littlefs, make_littlefs, littlefs_block_size },
    #endif
    #if MICROPY_VFS_FAT
    { MP_QSTR_fat, make_fat, NULL },
    #endif
};

static const kind_t *kind_of(mp_obj_t name) {
    qstr wanted = mp_obj_str_get_qstr(name);
    for (size_t i = 0; i < MP_ARRAY_SIZE(kinds); ++i) {
        if (kinds[i].name == wanted) {
            return &kinds[i];
        }
    }
    mp_raise_ValueError(MP_ERROR_TEXT("no such filesystem"));
}

static void clear(mp_obj_t disk, uint64_t at, uint64_t end) {
    uint8_t *zeros = m_new0(uint8_t, BUFFER_SIZE);
    while (at < end) {
        size_t size = MIN(end - at, BUFFER_SIZE);
        MP_THREAD_GIL_EXIT();
        int error = machine_disk_write(disk, 0, at, zeros, size);
        MP_THREAD_GIL_ENTER();
        if (error) {
            mp_raise_OSError(-error);
        }
        at += size;
    }
    m_del(uint8_t, zeros, BUFFER_SIZE);
}

static void make(const kind_t *kind, mp_obj_t disk) {
    uint64_t size = disk_part_size(machine_disk_part(disk));
    clear(disk, 0, MIN(HEAD_SIZE, size));
    clear(disk, size > TAIL_SIZE ? size - TAIL_SIZE : 0, size);
    kind->make(disk);
    MP_THREAD_GIL_EXIT();
    int error = machine_disk_ioctl(disk, MP_BLOCKDEV_IOCTL_SYNC);
    MP_THREAD_GIL_ENTER();
    if (error) {
        mp_raise_OSError(-error);
    }
}

static mp_obj_t disk_format(size_t n_args, const mp_obj_t *args) {
    const kind_t *kind = n_args > 1 ? kind_of(args[1]) : &kinds[0];
    const disk_part_t *part = machine_disk_part(args[0]);
    uint32_t block_size = kind->block_size ? kind->block_size(disk_part_size(part)) : 0;
    mp_obj_t disk = machine_disk_within(part, 0, part->size, false, block_size); // To be claimed for itself.
    int error = disk_part_claim(machine_disk_part(disk), true);
    if (error) {
        mp_raise_OSError(error);
    }
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        make(kind, disk);
        nlr_pop();
        disk_part_unclaim(machine_disk_part(disk)); // All is written.
        return mp_const_none;
    }
    disk_part_unclaim(machine_disk_part(disk));
    nlr_jump(nlr.ret_val);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(disk_format_obj, 1, 2, disk_format);
#endif
