/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "py/gc.h"
#include "py/mperrno.h"
#include "py/mpthread.h"
#include "py/runtime.h"
#include "extmod/vfs.h"

#include "kernel/devices.h"
#include "kernel/interpreters.h"
#include "disk_content.h"
#include "disk_format.h"
#include "machine_disk.h"

// What the interpreter holds for an object. It outlives that: a file that goes in the same collection is closed by its
// finaliser, which may be called after the disk's.
typedef struct _held_disk_t {
    struct _held_disk_t *next;
    kept_t *kept;        // The disk_part_t.
    bool is_dropped;
} held_disk_t;

typedef struct _machine_disk_obj_t {
    mp_obj_base_t base;
    uint32_t block_size;
    held_disk_t *held;
} machine_disk_obj_t;

MP_REGISTER_ROOT_POINTER(struct _held_disk_t *held_disks);

static disk_part_t *part_of(const machine_disk_obj_t *self) {
    return (disk_part_t *)self->held->kept->object;
}

disk_part_t *machine_disk_part(mp_obj_t self) {
    mp_obj_t disk = mp_obj_cast_to_native_base(self, MP_OBJ_FROM_PTR(&machine_disk_type));
    return disk != MP_OBJ_NULL ? part_of(MP_OBJ_TO_PTR(disk)) : NULL;
}

mp_obj_t machine_disk_new(disk_part_t *part, uint32_t block_size) {
    kept_t *kept = interpreter_keep(&part->object);
    if (!kept) {
        kobject_release(&part->object);
        m_malloc_fail(sizeof(kept_t));
    }
    held_disk_t *held = m_new_obj_maybe(held_disk_t);
    if (!held) {
        interpreter_let_go(kept);
        m_malloc_fail(sizeof(held_disk_t));
    }
    *held = (held_disk_t) { MP_STATE_VM(held_disks), kept, false };
    MP_STATE_VM(held_disks) = held;
    machine_disk_obj_t *self = mp_obj_malloc_with_finaliser(machine_disk_obj_t, &machine_disk_type);
    self->held = held;
    self->block_size = block_size ? block_size : part->disk->blk.block_size;
    return MP_OBJ_FROM_PTR(self);
}

// Takes over what the caller holds.
static disk_part_t *new_part(disk_t *disk, uint64_t start, uint64_t size, bool readonly) {
    disk_part_t *part = disk_part_new(disk, start, size, readonly);
    if (!part) {
        disk_release(disk);
        m_malloc_fail(sizeof(disk_part_t));
    }
    return part;
}

mp_obj_t machine_disk_within(const disk_part_t *part, uint64_t start, uint64_t size, bool readonly, uint32_t block_size) {
    kobject_hold(&part->disk->object);
    return machine_disk_new(new_part(part->disk, part->start + start, size, readonly || part->readonly), block_size);
}

// Which disk is meant: an index, or the serial that the VMM gave. Held.
static disk_t *find(mp_obj_t id) {
    devices_find_all();
    if (mp_obj_is_int(id)) {
        mp_int_t index = mp_obj_get_int(id);
        disk_t *disk = index >= 0 ? disk_find_from(index) : NULL;
        if (disk && disk->index != index) {
            disk_release(disk);
            disk = NULL;
        }
        return disk;
    }
    const char *wanted = mp_obj_str_get_str(id);
    char serial[VIRTIO_BLK_ID_SIZE + 1];
    disk_t *disk = disk_find_from(0);
    while (disk && (disk_serial(disk, serial) || strcmp(serial, wanted))) {
        unsigned next = disk->index + 1;
        disk_release(disk);
        disk = disk_find_from(next);
    }
    return disk;
}

static mp_obj_t partition_of(mp_obj_t whole_in, mp_int_t number) {
    const machine_disk_obj_t *whole = MP_OBJ_TO_PTR(whole_in);
    disk_part_t *part = part_of(whole);
    disk_content_t *content = disk_content_read(part);
    disk_range_t range;
    if (!disk_content_find(content, number, &range)) {
        mp_raise_OSError(content->view.failed ? MP_EIO : MP_ENODEV);
    }
    uint32_t sector = part->disk->blk.block_size;
    return machine_disk_within(part, range.start * sector, range.count * sector, part->readonly, whole->block_size);
}

// Disk(id=0, *, partition=0, readonly=False, block_size=0). Partition 0 is the whole disk.
static mp_obj_t disk_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    (void)type;
    enum { ARG_id, ARG_partition, ARG_readonly, ARG_block_size };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_id, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_INT(0) } },
        { MP_QSTR_partition, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_readonly, MP_ARG_KW_ONLY | MP_ARG_BOOL, { .u_bool = false } },
        { MP_QSTR_block_size, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = 0 } },
    };
    mp_arg_val_t vals[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all_kw_array(n_args, n_kw, args, MP_ARRAY_SIZE(allowed), allowed, vals);

    disk_t *disk = find(vals[ARG_id].u_obj);
    if (!disk) {
        mp_raise_OSError(MP_ENODEV);
    }
    uint32_t block_size = vals[ARG_block_size].u_int;
    if (block_size % disk->blk.block_size) {
        disk_release(disk);
        mp_raise_ValueError(MP_ERROR_TEXT("block_size must be a multiple of the disk's"));
    }
    mp_obj_t whole = machine_disk_new(new_part(disk, 0, UINT64_MAX, vals[ARG_readonly].u_bool), block_size);
    return vals[ARG_partition].u_int ? partition_of(whole, vals[ARG_partition].u_int) : whole;
}

static void disk_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    (void)kind;
    machine_disk_obj_t *self = MP_OBJ_TO_PTR(self_in);
    disk_part_t *part = part_of(self);
    mp_printf(print, "Disk(%u", part->disk->index);
    if (part->start) {
        mp_printf(print, ", from %lu", (unsigned long)part->start);
    }
    if (part->readonly) {
        mp_print_str(print, ", readonly=True");
    }
    if (self->block_size != part->disk->blk.block_size) {
        mp_printf(print, ", block_size=%u", self->block_size);
    }
    mp_print_str(print, ")");
}

// False where the product or the sum is no number of bytes.
static bool offset_of(const machine_disk_obj_t *self, size_t block, size_t offset, uint64_t *at) {
    return !__builtin_mul_overflow(block, self->block_size, at) && !__builtin_add_overflow(*at, offset, at);
}

int machine_disk_read(mp_obj_t self_in, size_t block, size_t offset, void *buf, size_t len) {
    machine_disk_obj_t *self = MP_OBJ_TO_PTR(self_in);
    uint64_t at;
    return offset_of(self, block, offset, &at) ? -disk_part_read(part_of(self), at, buf, len) : -MP_EINVAL;
}

int machine_disk_write(mp_obj_t self_in, size_t block, size_t offset, const void *buf, size_t len) {
    machine_disk_obj_t *self = MP_OBJ_TO_PTR(self_in);
    uint64_t at;
    return offset_of(self, block, offset, &at) ? -disk_part_write(part_of(self), at, buf, len) : -MP_EINVAL;
}

mp_int_t machine_disk_ioctl(mp_obj_t self_in, mp_uint_t request) {
    machine_disk_obj_t *self = MP_OBJ_TO_PTR(self_in);
    switch (request) {
        case MP_BLOCKDEV_IOCTL_INIT:
        case MP_BLOCKDEV_IOCTL_DEINIT:
        case MP_BLOCKDEV_IOCTL_BLOCK_ERASE: // What is there is written over as it is.
            return 0;
        case MP_BLOCKDEV_IOCTL_SYNC:
            return -disk_part_flush(part_of(self));
        case MP_BLOCKDEV_IOCTL_BLOCK_COUNT:
            return disk_part_size(part_of(self)) / self->block_size;
        case MP_BLOCKDEV_IOCTL_BLOCK_SIZE:
            return self->block_size;
        default:
            return -MP_EINVAL;
    }
}

// Others run meanwhile; but in a finaliser, when the heap is locked.
#define WITHOUT_GIL(expression) \
    do { \
        bool keep = gc_is_locked(); \
        if (!keep) { \
            MP_THREAD_GIL_EXIT(); \
        } \
        expression; \
        if (!keep) { \
            MP_THREAD_GIL_ENTER(); \
        } \
    } while (0)

static mp_obj_t transfer(size_t n_args, const mp_obj_t *args, bool writes) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[2], &buffer, writes ? MP_BUFFER_READ : MP_BUFFER_WRITE);
    mp_int_t block = mp_obj_get_int(args[1]), offset = n_args > 3 ? mp_obj_get_int(args[3]) : 0;
    machine_disk_obj_t *self = MP_OBJ_TO_PTR(args[0]);
    if (block < 0 || offset < 0 || (n_args == 3 && buffer.len % self->block_size)) {
        return MP_OBJ_NEW_SMALL_INT(-MP_EINVAL);
    }
    int result;
    WITHOUT_GIL(result = writes ? machine_disk_write(args[0], block, offset, buffer.buf, buffer.len)
        : machine_disk_read(args[0], block, offset, buffer.buf, buffer.len));
    return MP_OBJ_NEW_SMALL_INT(result);
}

// readblocks(block, buffer[, offset]), writeblocks(block, buffer[, offset]): 0 or the negative of an error.
static mp_obj_t disk_readblocks(size_t n_args, const mp_obj_t *args) {
    return transfer(n_args, args, false);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(disk_readblocks_obj, 3, 4, disk_readblocks);

static mp_obj_t disk_writeblocks(size_t n_args, const mp_obj_t *args) {
    return transfer(n_args, args, true);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(disk_writeblocks_obj, 3, 4, disk_writeblocks);

static mp_obj_t disk_ioctl(mp_obj_t self_in, mp_obj_t request_in, mp_obj_t arg) {
    (void)arg;
    mp_int_t request = mp_obj_get_int(request_in), result;
    WITHOUT_GIL(result = machine_disk_ioctl(self_in, request));
    return mp_obj_new_int(result);
}
static MP_DEFINE_CONST_FUN_OBJ_3(disk_ioctl_obj, disk_ioctl);

static mp_obj_t none_or_raise(int error) {
    if (error) {
        mp_raise_OSError(error);
    }
    return mp_const_none;
}

// flush(): what was written is on the disk.
static mp_obj_t disk_flush(mp_obj_t self_in) {
    disk_part_t *part = machine_disk_part(self_in);
    int error;
    WITHOUT_GIL(error = disk_part_flush(part));
    return none_or_raise(error);
}
static MP_DEFINE_CONST_FUN_OBJ_1(disk_flush_obj, disk_flush);

static mp_obj_t range(const mp_obj_t *args, int (*fn)(disk_part_t *part, uint64_t offset, uint64_t len)) {
    machine_disk_obj_t *self = MP_OBJ_TO_PTR(args[0]);
    mp_int_t block = mp_obj_get_int(args[1]), count = mp_obj_get_int(args[2]);
    uint64_t start, len;
    if (block < 0 || count < 0 || !offset_of(self, block, 0, &start) || !offset_of(self, count, 0, &len)) {
        mp_raise_OSError(MP_EINVAL);
    }
    int error;
    WITHOUT_GIL(error = fn(part_of(self), start, len));
    return none_or_raise(error);
}

// discard(block, count): their content is not wanted any more. write_zeroes(block, count)
static mp_obj_t disk_discard(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    return range(args, disk_part_discard);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(disk_discard_obj, 3, 3, disk_discard);

static mp_obj_t disk_write_zeroes(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    return range(args, disk_part_write_zeroes);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(disk_write_zeroes_obj, 3, 3, disk_write_zeroes);

static mp_obj_t disk_del(mp_obj_t self_in) {
    machine_disk_obj_t *self = MP_OBJ_TO_PTR(self_in);
    self->held->is_dropped = true;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(disk_del_obj, disk_del);

void machine_disk_after_collection(void) {
    for (held_disk_t **at = &MP_STATE_VM(held_disks); *at;) {
        held_disk_t *held = *at;
        if (held->is_dropped) {
            *at = held->next;
            interpreter_let_go(held->kept);
        } else {
            at = &held->next;
        }
    }
}

void machine_disk_deinit(void) {
    for (held_disk_t *held = MP_STATE_VM(held_disks); held; held = held->next) {
        held->is_dropped = true;
    }
    machine_disk_after_collection();
}

static mp_obj_t serial(const machine_disk_obj_t *self) {
    char text[VIRTIO_BLK_ID_SIZE + 1];
    disk_t *disk = part_of(self)->disk;
    int error;
    WITHOUT_GIL(error = disk_serial(disk, text));
    none_or_raise(error);
    return mp_obj_new_str_from_cstr(text);
}

static void disk_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest) {
    if (dest[0] != MP_OBJ_NULL) {
        return;
    }
    const machine_disk_obj_t *self = MP_OBJ_TO_PTR(self_in);
    const disk_part_t *part = part_of(self);
    switch (attr) {
        case MP_QSTR_id:
            dest[0] = MP_OBJ_NEW_SMALL_INT(part->disk->index);
            break;
        case MP_QSTR_size:
            dest[0] = mp_obj_new_int_from_ull(disk_part_size(part));
            break;
        case MP_QSTR_sector_size:
            dest[0] = MP_OBJ_NEW_SMALL_INT(part->disk->blk.block_size);
            break;
        case MP_QSTR_readonly:
            dest[0] = mp_obj_new_bool(part->readonly);
            break;
        case MP_QSTR_serial:
            dest[0] = serial(self);
            break;
        default:
            dest[1] = MP_OBJ_SENTINEL; // See the table.
    }
}

// Disk.list(): one for each disk that the machine has.
static mp_obj_t disk_list(void) {
    mp_obj_t list = mp_obj_new_list(0, NULL);
    devices_find_all();
    disk_t *disk = disk_find_from(0);
    while (disk) {
        unsigned next = disk->index + 1;
        mp_obj_list_append(list, machine_disk_new(new_part(disk, 0, UINT64_MAX, false), 0));
        disk = disk_find_from(next);
    }
    return list;
}
static MP_DEFINE_CONST_FUN_OBJ_0(disk_list_obj, disk_list);
static MP_DEFINE_CONST_STATICMETHOD_OBJ(disk_list_static_obj, MP_ROM_PTR(&disk_list_obj));

static const mp_rom_map_elem_t disk_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&disk_del_obj) },
    { MP_ROM_QSTR(MP_QSTR_discard), MP_ROM_PTR(&disk_discard_obj) },
    { MP_ROM_QSTR(MP_QSTR_flush), MP_ROM_PTR(&disk_flush_obj) },
    #if MICROPY_VFS_LFS2 || MICROPY_VFS_FAT
    { MP_ROM_QSTR(MP_QSTR_format), MP_ROM_PTR(&disk_format_obj) },
    #endif
    { MP_ROM_QSTR(MP_QSTR_ioctl), MP_ROM_PTR(&disk_ioctl_obj) },
    { MP_ROM_QSTR(MP_QSTR_list), MP_ROM_PTR(&disk_list_static_obj) },
    { MP_ROM_QSTR(MP_QSTR_readblocks), MP_ROM_PTR(&disk_readblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_write_zeroes), MP_ROM_PTR(&disk_write_zeroes_obj) },
    { MP_ROM_QSTR(MP_QSTR_writeblocks), MP_ROM_PTR(&disk_writeblocks_obj) },
};
static MP_DEFINE_CONST_DICT(disk_locals, disk_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    machine_disk_type,
    MP_QSTR_Disk,
    MP_TYPE_FLAG_NONE,
    make_new, disk_make_new,
    print, disk_print,
    attr, disk_attr,
    locals_dict, &disk_locals
    );
