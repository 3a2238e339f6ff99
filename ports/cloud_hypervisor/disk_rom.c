/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "py/gc.h"
#include "py/mperrno.h"
#include "py/mpthread.h"
#include "py/runtime.h"
#include "extmod/vfs_rom.h"

#include "kernel/interpreters.h"
#include "kernel/romfs.h"
#include "kernel/shared_memory.h"
#include "disk_rom.h"
#include "machine_disk.h"

// The memory that a VfsRom is given. Not the heap's: the collector would look through it for addresses each time.
typedef struct _image_t {
    mp_obj_base_t base;
    struct _image_t *next;
    mp_obj_t disk;
    mp_obj_t reader; // The same, while it is read: who has claimed it reads by a cache, which is of no use here.
    kept_t *kept; // The shared_memory_t.
} image_t;

MP_REGISTER_ROOT_POINTER(struct _image_t *disk_rom_images);

// How upstream's object begins; no header has it.
typedef struct _vfs_rom_t {
    mp_obj_base_t base;
    mp_obj_t memory;
} vfs_rom_t;

static const shared_memory_t *memory_of(const image_t *image) {
    return (const shared_memory_t *)image->kept->object;
}

static mp_int_t get_buffer(mp_obj_t self_in, mp_buffer_info_t *buffer, mp_uint_t flags) {
    const shared_memory_t *memory = memory_of(MP_OBJ_TO_PTR(self_in));
    *buffer = (mp_buffer_info_t) { .buf = memory->start, .len = memory->size, .typecode = 'B' };
    return flags & MP_BUFFER_WRITE ? 1 : 0;
}

static MP_DEFINE_CONST_OBJ_TYPE(
    image_type,
    MP_QSTR_,
    MP_TYPE_FLAG_NONE,
    buffer, get_buffer
    );

static void fail(int error, const char *why) {
    mp_obj_t args[] = { MP_OBJ_NEW_SMALL_INT(error), mp_obj_new_str_from_cstr(why) };
    nlr_raise(mp_obj_new_exception_args(&mp_type_OSError, MP_ARRAY_SIZE(args), args));
}

// NULL where memory is missing.
static kept_t *new_memory(uint64_t size) {
    shared_memory_t *memory = shared_memory_new(size);
    if (!memory) {
        gc_collect(); // It may give some back.
        memory = shared_memory_new(size);
    }
    kept_t *kept = memory ? interpreter_keep(&memory->object) : NULL;
    if (memory && !kept) {
        kobject_release(&memory->object);
    }
    return kept;
}

// 0 or an error, and why.
static int fill(const shared_memory_t *memory, disk_part_t *part, const char **why) {
    *why = "it cannot be read";
    int error = disk_part_read(part, 0, memory->start, memory->size);
    if (error) {
        return error;
    }
    romfs_status_t status = romfs_check(memory->start, memory->size);
    *why = romfs_status_text(status);
    return status == ROMFS_OK ? 0 : MP_ENODEV;
}

mp_obj_t disk_rom_new(mp_obj_t disk, uint64_t size) {
    image_t *image = mp_obj_malloc(image_t, &image_type);
    image->disk = disk;
    image->reader = machine_disk_within(machine_disk_part(disk), 0, machine_disk_part(disk)->size, true, 0);
    image->kept = new_memory(size);
    if (!image->kept) {
        fail(MP_ENOMEM, "there is not enough memory for it");
    }
    const char *why;
    MP_THREAD_GIL_EXIT();
    int error = fill(memory_of(image), machine_disk_part(image->reader), &why);
    MP_THREAD_GIL_ENTER();
    image->reader = MP_OBJ_NULL;
    if (error) {
        interpreter_let_go(image->kept);
        fail(error, why);
    }
    image->next = MP_STATE_VM(disk_rom_images);
    MP_STATE_VM(disk_rom_images) = image;
    return mp_call_function_1(MP_OBJ_FROM_PTR(&mp_type_vfs_rom), MP_OBJ_FROM_PTR(image));
}

disk_part_t *disk_rom_part(mp_obj_t vfs_rom) {
    mp_obj_t memory = ((const vfs_rom_t *)MP_OBJ_TO_PTR(vfs_rom))->memory;
    const image_t *image = mp_obj_is_type(memory, &image_type) ? MP_OBJ_TO_PTR(memory) : NULL;
    return image ? machine_disk_part(image->disk) : NULL;
}

void disk_rom_deinit(void) {
    for (const image_t *image = MP_STATE_VM(disk_rom_images); image; image = image->next) {
        interpreter_let_go(image->kept);
    }
    MP_STATE_VM(disk_rom_images) = NULL;
}
