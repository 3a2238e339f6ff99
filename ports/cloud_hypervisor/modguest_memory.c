/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Of the module _guest what looks at memory. */

#include "py/mperrno.h"
#include "py/mpstate.h"
#include "py/runtime.h"

#include "kernel/board.h"
#include "kernel/memory_map.h"
#include "kernel/net/net_memory.h"
#include "kernel/page_alloc.h"
#include "kernel/physical.h"
#include "modguest.h"

#define BLOCKS_PER_TABLE_BYTE 4

static mp_obj_t number(uint64_t value) {
    return mp_obj_new_int_from_ull(value);
}

static mp_obj_t text(const char *name) {
    return name ? mp_obj_new_str_from_cstr(name) : mp_const_none;
}

// range(index): (start, size, type) of the memory map that the VMM gave; None behind the last.
static mp_obj_t guest_range(mp_obj_t index) {
    boot_memory_t entry;
    if (!memory_map_entry(mp_obj_get_int(index), &entry)) {
        return mp_const_none;
    }
    mp_obj_t items[3] = { number(entry.start), number(entry.size), number(entry.type) };
    return mp_obj_new_tuple(3, items);
}
MP_DEFINE_CONST_FUN_OBJ_1(guest_range_obj, guest_range);

// use(index): (start, end, what is there); None behind the last.
static mp_obj_t guest_use(mp_obj_t index) {
    memory_use_t use;
    if (!memory_map_use(mp_obj_get_int(index), &use)) {
        return mp_const_none;
    }
    mp_obj_t items[3] = { number(use.start), number(use.end), text(use.name) };
    return mp_obj_new_tuple(3, items);
}
MP_DEFINE_CONST_FUN_OBJ_1(guest_use_obj, guest_use);

#if BOARD_NETWORK
#define NETWORK_USED net_memory_used()
#else
#define NETWORK_USED 0
#endif

// pages(): (all, free, of those promised, ever touched), bytes of the page allocator's, and what the network has of them.
static mp_obj_t guest_pages(void) {
    mp_obj_t items[5] = {
        number(page_total_count() * PAGE_SIZE), number(page_free_count() * PAGE_SIZE),
        number(page_reserved_count() * PAGE_SIZE), number(page_touched_count() * PAGE_SIZE),
        number(NETWORK_USED),
    };
    return mp_obj_new_tuple(5, items);
}
MP_DEFINE_CONST_FUN_OBJ_0(guest_pages_obj, guest_pages);

// mapping(from): (start, end, entry of the first page, physical pages in order, what is there)
// of the first mapping from there on; None where there is none.
static mp_obj_t guest_mapping(mp_obj_t from) {
    mapping_t mapping;
    if (!memory_map_next(mp_obj_get_int_truncated(from), &mapping)) {
        return mp_const_none;
    }
    mp_obj_t items[5] = {
        number(mapping.start), number(mapping.end), number(mapping.entry), mp_obj_new_bool(mapping.in_order), text(mapping.name),
    };
    return mp_obj_new_tuple(5, items);
}
MP_DEFINE_CONST_FUN_OBJ_1(guest_mapping_obj, guest_mapping);

// (start, end, bytes used, bytes in the largest free piece). Of each block two bits of the table
// tell, 0 for free (py/gc.c); behind gc_last_used_block all are.
static mp_obj_t heap_area(const mp_state_mem_area_t *area) {
    size_t blocks = area->gc_alloc_table_byte_len * BLOCKS_PER_TABLE_BYTE;
    size_t used = 0, run = 0, largest = 0;
    size_t block = 0;
    for (; block < blocks && block <= area->gc_last_used_block; ++block) {
        byte kinds = area->gc_alloc_table_start[block / BLOCKS_PER_TABLE_BYTE];
        if (kinds >> 2 * (block % BLOCKS_PER_TABLE_BYTE) & 3) {
            ++used;
            run = 0;
        } else {
            ++run;
            largest = MAX(largest, run);
        }
    }
    largest = MAX(largest, run + blocks - block);
    mp_obj_t items[4] = {
        number((uintptr_t)area->gc_pool_start), number((uintptr_t)area->gc_pool_end),
        number(used * MICROPY_BYTES_PER_GC_BLOCK), number(largest * MICROPY_BYTES_PER_GC_BLOCK),
    };
    return mp_obj_new_tuple(4, items);
}

// heap(): a tuple of heap_area() for each area.
static mp_obj_t guest_heap(void) {
    mp_obj_t areas = mp_obj_new_list(0, NULL);
    for (mp_state_mem_area_t *area = &MP_STATE_MEM(area); area; area = area->next) {
        mp_obj_list_append(areas, heap_area(area));
    }
    return areas;
}
MP_DEFINE_CONST_FUN_OBJ_0(guest_heap_obj, guest_heap);

// peek(address, size): `size` bytes of physical memory in one access. OSError(EFAULT) where
// the CPU has no such address.
static mp_obj_t guest_peek(mp_obj_t address, mp_obj_t size) {
    uint64_t value;
    if (!physical_read(mp_obj_get_int_truncated(address), mp_obj_get_int(size), &value)) {
        mp_raise_OSError(MP_EFAULT);
    }
    return number(value);
}
MP_DEFINE_CONST_FUN_OBJ_2(guest_peek_obj, guest_peek);

// poke(address, value, size)
static mp_obj_t guest_poke(mp_obj_t address, mp_obj_t value, mp_obj_t size) {
    if (!physical_write(mp_obj_get_int_truncated(address), mp_obj_get_int(size), mp_obj_get_int_truncated(value))) {
        mp_raise_OSError(MP_EFAULT);
    }
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_3(guest_poke_obj, guest_poke);

// physical(virtual address): the physical one, or None where nothing is mapped.
static mp_obj_t guest_physical(mp_obj_t address) {
    uint64_t paddr;
    return physical_address(mp_obj_get_int_truncated(address), &paddr) ? number(paddr) : mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_1(guest_physical_obj, guest_physical);
