/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <stdio.h>
#include <string.h>

#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/mpthread.h"
#include "py/runtime.h"
#include "extmod/vfs.h"
#include "extmod/vfs_fat.h"
#include "extmod/vfs_lfs.h"
#include "extmod/vfs_rom.h"

#include "disk_content.h"
#include "disk_format.h"
#include "disk_mount.h"
#include "disk_rom.h"
#include "machine_disk.h"
#include "mount_settings.h"

// Raises OSError(ENODEV) on a board without FAT.
static mp_obj_t fat_on(mp_obj_t disk) {
    #if MICROPY_VFS_FAT
    return mp_call_function_1(MP_OBJ_FROM_PTR(&mp_fat_vfs_type), disk);
    #else
    (void)disk;
    mp_raise_OSError(MP_ENODEV);
    #endif
}

// The part of a disk in which a filesystem was found, which is to be mountable.
static mp_obj_t disk_with(const disk_part_t *part, const disk_range_t *range, const fs_probe_t *found, bool readonly) {
    uint32_t sector = part->disk->blk.block_size, block = found->kind == FS_KIND_LITTLEFS ? found->block_size : 0;
    readonly = readonly || found->kind == FS_KIND_ROMFS;
    return machine_disk_within(part, range->start * sector, range->count * sector, readonly, block);
}

// What is mounted: a filesystem, or where its kind is known the machine.Disk below it.
typedef struct _mounted_t {
    mp_obj_t object;
    fs_kind_t kind; // FS_KINDS: it is a filesystem.
    uint64_t size;  // Of a ROMFS, in bytes.
} mounted_t;

static mp_obj_t filesystem_on(const mounted_t *it) {
    if (it->kind == FS_KIND_ROMFS) {
        return disk_rom_new(it->object, it->size);
    }
    #if MICROPY_VFS_LFS2
    if (it->kind == FS_KIND_LITTLEFS) {
        return disk_call_littlefs(MP_OBJ_FROM_PTR(&mp_type_vfs_lfs2), it->object);
    }
    #endif
    return fat_on(it->object);
}

// How upstream's objects begin: fs_user_mount_t, and mp_obj_vfs_lfs2_t, which no header has.
typedef struct _filesystem_t {
    mp_obj_base_t base;
    mp_vfs_blockdev_t blockdev;
} filesystem_t;

// The device below a filesystem, if that is a machine.Disk; else NULL.
static disk_part_t *part_below(mp_obj_t filesystem) {
    if (mp_obj_is_type(filesystem, &mp_type_vfs_rom)) {
        return disk_rom_part(filesystem);
    }
    bool is_one = false;
    #if MICROPY_VFS_FAT
    is_one = is_one || mp_obj_is_type(filesystem, &mp_fat_vfs_type);
    #endif
    #if MICROPY_VFS_LFS2
    is_one = is_one || mp_obj_is_type(filesystem, &mp_type_vfs_lfs2);
    #endif
    return is_one ? machine_disk_part(((filesystem_t *)MP_OBJ_TO_PTR(filesystem))->blockdev.readblocks[1]) : NULL;
}

static bool is_mounted(mp_obj_t filesystem) {
    const mp_vfs_mount_t *vfs = MP_STATE_VM(vfs_mount_table);
    while (vfs && vfs->obj != filesystem) {
        vfs = vfs->next;
    }
    return vfs;
}

static bool is_true(const mp_map_t *kw_args, qstr name) {
    mp_map_elem_t *found = mp_map_lookup((mp_map_t *)kw_args, MP_OBJ_NEW_QSTR(name), MP_MAP_LOOKUP);
    return found && mp_obj_is_true(found->value);
}

// By upstream's; on a disk nobody else writes from then on. Before anything of it is read, so that it is read once.
static mp_obj_t mount_it(const mounted_t *it, mp_obj_t point, mp_map_t *kw_args) {
    mp_obj_t args[] = { it->object, point };
    bool is_disk = it->kind != FS_KINDS;
    disk_part_t *part = is_disk ? machine_disk_part(it->object) : is_mounted(it->object) ? NULL : part_below(it->object);
    if (!part) {
        return mp_vfs_mount(2, args, kw_args);
    }
    int error = disk_part_claim(part, !part->readonly && !is_true(kw_args, MP_QSTR_readonly));
    if (error) {
        mp_raise_OSError(error);
    }
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        if (is_disk) {
            args[0] = filesystem_on(it);
        }
        mp_obj_t result = mp_vfs_mount(2, args, kw_args);
        nlr_pop();
        return result;
    }
    disk_part_unclaim(part);
    nlr_jump(nlr.ret_val);
}

// What the disk holds, or is made to hold as upstream's does.
static mounted_t what_is_on(mp_obj_t disk, const mp_map_t *kw_args) {
    disk_part_t *part = machine_disk_part(disk);
    disk_content_t *content = disk_content_read(part);
    disk_range_t range = disk_content_all(content);
    fs_probe_t found;
    disk_content_probe(content, range, &found);
    if (disk_content_is_mountable(&found)) {
        mp_obj_t whole = disk_with(part, &range, &found, is_true(kw_args, MP_QSTR_readonly));
        return (mounted_t) { whole, found.kind, found.block_count };
    }
    if (!is_true(kw_args, MP_QSTR_mkfs)) {
        mp_raise_OSError(content->view.failed ? MP_EIO : MP_ENODEV);
    }
    return (mounted_t) { disk, FS_KIND_FAT16, 0 };
}

// vfs.mount(): as upstream's; the filesystem of a machine.Disk is found, and used as is best for a disk.
static mp_obj_t disk_mount(size_t n_args, const mp_obj_t *args, mp_map_t *kw_args) {
    if (n_args != 2) {
        return mp_vfs_mount(n_args, args, kw_args);
    }
    mounted_t it = { args[0], FS_KINDS, 0 };
    if (machine_disk_part(args[0])) {
        it = what_is_on(args[0], kw_args);
    }
    return mount_it(&it, args[1], kw_args);
}
MP_DEFINE_CONST_FUN_OBJ_KW(mp_vfs_mount_obj, 0, disk_mount);

// vfs.umount(): as upstream's; others may write then.
static mp_obj_t disk_umount(mp_obj_t what) {
    mp_obj_t filesystem = what;
    for (const mp_vfs_mount_t *vfs = MP_STATE_VM(vfs_mount_table); vfs && mp_obj_is_str(what); vfs = vfs->next) {
        size_t len;
        const char *path = mp_obj_str_get_data(what, &len);
        if (len == vfs->len && !memcmp(path, vfs->str, len)) {
            filesystem = vfs->obj;
            break;
        }
    }
    mp_vfs_umount(what);
    disk_part_t *part = is_mounted(filesystem) ? NULL : part_below(filesystem);
    if (part) {
        MP_THREAD_GIL_EXIT();
        int error = disk_part_unclaim(part);
        MP_THREAD_GIL_ENTER();
        if (error) {
            mp_raise_OSError(error);
        }
    }
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_1(mp_vfs_umount_obj, disk_umount);

static int sync_filesystem(mp_obj_t filesystem) {
    disk_part_t *part = part_below(filesystem);
    if (!part) {
        return 0;
    }
    MP_THREAD_GIL_EXIT();
    int error = disk_part_flush(part);
    MP_THREAD_GIL_ENTER();
    return error;
}

// os.sync(): what was written to the disks with a filesystem mounted is on them. What an open file has not flushed was not
// written yet.
static mp_obj_t disk_sync(void) {
    int first_error = 0;
    for (const mp_vfs_mount_t *vfs = MP_STATE_VM(vfs_mount_table); vfs; vfs = vfs->next) {
        int error = sync_filesystem(vfs->obj);
        first_error = first_error ? first_error : error;
    }
    if (first_error) {
        mp_raise_OSError(first_error);
    }
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_0(disk_sync_obj, disk_sync);

// These say what is not mounted. `partition`: its number; 0: the whole disk.
static void name(const disk_part_t *part, uint32_t partition) {
    mp_printf(&mp_plat_print, "%s", part->disk->name);
    if (partition) {
        mp_printf(&mp_plat_print, ", partition %u", (unsigned)partition);
    }
}

static void say(const disk_part_t *part, uint32_t partition, const char *what, const char *why) {
    name(part, partition);
    mp_printf(&mp_plat_print, ": %s%s%s; it is left as it is.\n", what, why ? ": " : "", why ? why : "");
}

static void say_blank(const disk_part_t *part, uint32_t partition) {
    name(part, partition);
    mp_printf(&mp_plat_print, ": %s; machine.Disk(%u", fs_kind_text(FS_KIND_BLANK), part->disk->index);
    if (partition) {
        mp_printf(&mp_plat_print, ", partition=%u", (unsigned)partition);
    }
    mp_print_str(&mp_plat_print, ").format() makes a filesystem.\n");
}

// Where the next filesystem comes.
typedef struct _places_t {
    const char *wanted; // By a setting; NULL: by number.
    unsigned number;    // Of those without a setting.
} places_t;

// Without a setting "/" for the first one, then "/disk1".
static mp_obj_t mount_point(const places_t *places) {
    char text[16];
    snprintf(text, sizeof(text), places->number ? "/disk%u" : "/", places->number);
    const char *point = places->wanted ? places->wanted : text;
    return mp_obj_new_str(point, strlen(point));
}

static void mount(const disk_part_t *part, const disk_range_t *range, const fs_probe_t *found, const places_t *places) {
    mp_map_t none;
    mp_map_init(&none, 0);
    mounted_t it = { disk_with(part, range, found, false), found->kind, found->block_count };
    mount_it(&it, mount_point(places), &none);
}

static bool try_mount(const disk_part_t *part, uint32_t partition, const disk_range_t *range, const fs_probe_t *found, const places_t *places) {
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        mount(part, range, found, places);
        nlr_pop();
        return true;
    }
    say(part, partition, fs_kind_text(found->kind), "it cannot be mounted");
    mp_obj_print_exception(&mp_plat_print, MP_OBJ_FROM_PTR(nlr.ret_val));
    return false;
}

static void mount_range(disk_content_t *content, uint32_t partition, disk_range_t range, places_t *places) {
    fs_probe_t found;
    disk_content_probe(content, range, &found);
    if (found.kind == FS_KIND_BLANK && !content->part->readonly) {
        say_blank(content->part, partition);
    } else if (!disk_content_is_mountable(&found)) {
        say(content->part, partition, fs_kind_text(found.kind), found.problem);
    } else if (try_mount(content->part, partition, &range, &found, places)) {
        places->number += !places->wanted;
        places->wanted = NULL; // Its further partitions are like those of any disk.
    }
}

static void mount_disk(disk_part_t *part, places_t *places) {
    disk_content_t *content = disk_content_read(part);
    const partitions_t *table = &content->table;
    bool readable = !content->view.failed;
    if (!readable) {
        say(part, 0, "it cannot be read", NULL);
    } else if (table->kind == PARTITIONS_BROKEN) {
        say(part, table->problem_number, "its partition table is broken", table->problem);
    } else if (table->kind == PARTITIONS_NONE) {
        mount_range(content, 0, disk_content_all(content), places);
    }
    for (uint32_t i = 0; readable && table->kind != PARTITIONS_BROKEN && i < table->count; ++i) {
        mount_range(content, table->partition[i].number, table->partition[i].range, places);
    }
}

// Where a setting wants it, or NULL.
static const char *wanted_point(disk_t *disk) {
    mount_setting_t any;
    char serial[VIRTIO_BLK_ID_SIZE + 1];
    return mount_setting(0, &any) && !disk_serial(disk, serial) ? mount_setting_of(serial) : NULL;
}

static bool is_mount_point(const char *point) {
    for (const mp_vfs_mount_t *vfs = MP_STATE_VM(vfs_mount_table); vfs; vfs = vfs->next) {
        if (vfs->len == strlen(point) && !memcmp(vfs->str, point, vfs->len)) {
            return true;
        }
    }
    return false;
}

static void say_what_is_missing(void) {
    mount_setting_t setting;
    for (unsigned i = 0; mount_setting(i, &setting); ++i) {
        if (!is_mount_point(setting.point)) {
            mp_printf(&mp_plat_print, "mount=%s: there is no such disk with a filesystem.\n", setting.text);
        }
    }
}

bool disk_mount_all(void) {
    places_t places = { NULL, mount_setting_has_root() };
    disk_t *disk = disk_find_from(0);
    while (disk) {
        unsigned next = disk->index + 1;
        disk_part_t *part = disk_part_new(disk, 0, UINT64_MAX, false);
        if (!part) {
            disk_release(disk);
            break;
        }
        places.wanted = wanted_point(disk);
        mount_disk(part, &places);
        kobject_release(&part->object);
        disk = disk_find_from(next);
    }
    say_what_is_missing();
    return is_mount_point("/");
}
