/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "py/binary.h"
#include "py/gc.h"
#include "py/mpstate.h"
#include "py/objarray.h"
#include "py/runtime.h"

#include "kernel/interpreters.h"
#include "shared_memory_obj.h"

// How py/gc.c marks the first block of an object, two bits a block.
#define BLOCKS_PER_BYTE 4
#define FIRST_BLOCK 1

// Memory that memoryviews of this interpreter point to, each at its start. The collector does not see that: after
// a collection the heap is looked through for them.
typedef struct _held_t {
    struct _held_t *next;
    kept_t *kept; // NULL: not yet.
    bool is_seen;
} held_t;

MP_REGISTER_ROOT_POINTER(struct _held_t *shared_memory);

static shared_memory_t *memory_of(const held_t *held) {
    return (shared_memory_t *)held->kept->object;
}

static held_t *held_at(const void *start) {
    held_t *held = MP_STATE_VM(shared_memory);
    while (held && (!held->kept || memory_of(held)->start != start)) {
        held = held->next;
    }
    return held;
}

static held_t *new_held(void) {
    held_t *held = m_new0(held_t, 1);
    held->next = MP_STATE_VM(shared_memory);
    MP_STATE_VM(shared_memory) = held;
    return held;
}

// Takes over what the caller holds.
static void keep(held_t *held, shared_memory_t *memory) {
    held->kept = interpreter_keep(&memory->object);
    if (!held->kept) {
        kobject_release(&memory->object);
        m_malloc_fail(sizeof(kept_t));
    }
}

static mp_obj_t memory_new(mp_obj_t size_in) {
    mp_int_t size = mp_obj_get_int(size_in);
    if (size <= 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("size must be positive"));
    }
    mp_obj_array_t *view = MP_OBJ_TO_PTR(mp_obj_new_memoryview('B' | MP_OBJ_ARRAY_TYPECODE_FLAG_RW, size, NULL));
    held_t *held = new_held();
    shared_memory_t *memory = shared_memory_new(size);
    if (!memory) {
        gc_collect(); // It may give some back.
        memory = shared_memory_new(size);
    }
    if (!memory) {
        m_malloc_fail(size);
    }
    keep(held, memory);
    view->items = memory->start;
    return MP_OBJ_FROM_PTR(view);
}
MP_DEFINE_CONST_FUN_OBJ_1(shared_memory_obj, memory_new);

shared_memory_t *shared_memory_of(mp_obj_t view) {
    held_t *held = held_at(((mp_obj_array_t *)MP_OBJ_TO_PTR(view))->items);
    return held ? memory_of(held) : NULL;
}

mp_obj_t shared_memory_view(shared_memory_t *memory, byte typecode, size_t offset, size_t len) {
    size_t align, size = mp_binary_get_size('@', typecode & ~MP_OBJ_ARRAY_TYPECODE_FLAG_RW, &align);
    if (!size || offset > memory->size / size || len > memory->size / size - offset) {
        mp_raise_ValueError(MP_ERROR_TEXT("not the memory's"));
    }
    mp_obj_array_t *view = MP_OBJ_TO_PTR(mp_obj_new_memoryview(typecode, len, NULL));
    view->free = offset;
    if (!held_at(memory->start)) {
        held_t *held = new_held();
        kobject_hold(&memory->object);
        keep(held, memory);
    }
    view->items = memory->start;
    return MP_OBJ_FROM_PTR(view);
}

// Of a block where an object begins.
static void look_at(const void *block) {
    const mp_obj_array_t *view = block;
    held_t *held = view->base.type == &mp_type_memoryview ? held_at(view->items) : NULL;
    if (held) {
        held->is_seen = true;
    }
}

static void look_through(const mp_state_mem_area_t *area) {
    for (size_t block = 0; block <= area->gc_last_used_block; ++block) {
        unsigned kinds = area->gc_alloc_table_start[block / BLOCKS_PER_BYTE];
        if ((kinds >> 2 * (block % BLOCKS_PER_BYTE) & 3) == FIRST_BLOCK) {
            look_at(area->gc_pool_start + block * MICROPY_BYTES_PER_GC_BLOCK);
        }
    }
}

void shared_memory_after_collection(void) {
    if (!MP_STATE_VM(shared_memory)) {
        return;
    }
    for (const mp_state_mem_area_t *area = &MP_STATE_MEM(area); area; area = area->next) {
        look_through(area);
    }
    for (held_t **at = &MP_STATE_VM(shared_memory); *at;) {
        held_t *held = *at;
        if (held->kept && !held->is_seen) {
            interpreter_let_go(held->kept);
            *at = held->next;
        } else {
            held->is_seen = false;
            at = &held->next;
        }
    }
}

void shared_memory_deinit(void) {
    for (held_t *held = MP_STATE_VM(shared_memory); held; held = held->next) {
        if (held->kept) {
            interpreter_let_go(held->kept);
        }
    }
    MP_STATE_VM(shared_memory) = NULL;
}
