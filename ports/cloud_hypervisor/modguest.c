/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The module _guest: what the package modules/guest is made of. Here the CPU, the ACPI tables and the build. */

#include "py/mperrno.h"
#include "py/runtime.h"

#include "boot/cpu.h"
#include "boot/paging.h"
#include "drivers/acpi_read.h"
#include "kernel/clock.h"
#include "kernel/machine.h"
#include "kernel/msr.h"
#include "kernel/system.h"
#include "modguest.h"

extern const uint8_t image_start[]; // Set by the linker script.

// cpuid(leaf, subleaf): (eax, ebx, ecx, edx).
static mp_obj_t guest_cpuid(mp_obj_t leaf, mp_obj_t subleaf) {
    struct cpuid r = cpuid(mp_obj_get_int_truncated(leaf), mp_obj_get_int_truncated(subleaf));
    mp_obj_t items[4] = {
        MP_OBJ_NEW_SMALL_INT(r.eax), MP_OBJ_NEW_SMALL_INT(r.ebx), MP_OBJ_NEW_SMALL_INT(r.ecx), MP_OBJ_NEW_SMALL_INT(r.edx),
    };
    return mp_obj_new_tuple(4, items);
}
static MP_DEFINE_CONST_FUN_OBJ_2(guest_cpuid_obj, guest_cpuid);

// msr(number[, value]): reads, or writes. OSError(ENXIO) where the CPU refuses.
static mp_obj_t guest_msr(size_t n_args, const mp_obj_t *args) {
    uint32_t number = mp_obj_get_int_truncated(args[0]);
    uint64_t value = n_args > 1 ? mp_obj_get_int_truncated(args[1]) : 0;
    if (!(n_args > 1 ? msr_try_write(number, value) : msr_try_read(number, &value))) {
        mp_raise_OSError(MP_ENXIO);
    }
    return n_args > 1 ? mp_const_none : mp_obj_new_int_from_ull(value);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(guest_msr_obj, 1, 2, guest_msr);

// (address, whether length and checksum hold, content). Of a table for which they do not the content is the
// header only. No copy is made.
static mp_obj_t acpi_item(const acpi_table_t *table) {
    size_t len = table->state == ACPI_OK ? table->length : ACPI_HEADER_SIZE;
    void *content = paging_map_physical(table->paddr, len, MAP_READ_ONLY);
    mp_obj_t items[3] = {
        mp_obj_new_int_from_ull(table->paddr),
        mp_obj_new_bool(table->state == ACPI_OK),
        mp_obj_new_memoryview('B', content ? len : 0, content),
    };
    return mp_obj_new_tuple(3, items);
}

// acpi(): acpi_item() of each table.
static mp_obj_t guest_acpi(void) {
    mp_obj_t tables = mp_obj_new_list(0, NULL);
    acpi_cursor_t cursor = { 0 };
    acpi_table_t table;
    while (acpi_next_table(&machine.acpi, &cursor, &table)) {
        mp_obj_list_append(tables, acpi_item(&table));
    }
    return tables;
}
static MP_DEFINE_CONST_FUN_OBJ_0(guest_acpi_obj, guest_acpi);

// build(): (build id, link address).
static mp_obj_t guest_build(void) {
    mp_obj_t items[2] = {
        mp_obj_new_bytes(system_build_id(), SYSTEM_BUILD_ID_SIZE),
        mp_obj_new_int_from_uint((uintptr_t)image_start),
    };
    return mp_obj_new_tuple(2, items);
}
static MP_DEFINE_CONST_FUN_OBJ_0(guest_build_obj, guest_build);

// uptime(): nanoseconds since the boot.
static mp_obj_t guest_uptime(void) {
    return mp_obj_new_int_from_ull(clock_monotonic_ns());
}
static MP_DEFINE_CONST_FUN_OBJ_0(guest_uptime_obj, guest_uptime);

static const mp_rom_map_elem_t guest_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR__guest) },
    { MP_ROM_QSTR(MP_QSTR_acpi), MP_ROM_PTR(&guest_acpi_obj) },
    { MP_ROM_QSTR(MP_QSTR_build), MP_ROM_PTR(&guest_build_obj) },
    { MP_ROM_QSTR(MP_QSTR_callers), MP_ROM_PTR(&guest_callers_obj) },
    { MP_ROM_QSTR(MP_QSTR_cpu), MP_ROM_PTR(&guest_cpu_obj) },
    { MP_ROM_QSTR(MP_QSTR_cpuid), MP_ROM_PTR(&guest_cpuid_obj) },
    { MP_ROM_QSTR(MP_QSTR_frames), MP_ROM_PTR(&guest_frames_obj) },
    { MP_ROM_QSTR(MP_QSTR_heap), MP_ROM_PTR(&guest_heap_obj) },
    { MP_ROM_QSTR(MP_QSTR_interpreter), MP_ROM_PTR(&guest_interpreter_obj) },
    { MP_ROM_QSTR(MP_QSTR_mapping), MP_ROM_PTR(&guest_mapping_obj) },
    { MP_ROM_QSTR(MP_QSTR_msr), MP_ROM_PTR(&guest_msr_obj) },
    { MP_ROM_QSTR(MP_QSTR_pages), MP_ROM_PTR(&guest_pages_obj) },
    { MP_ROM_QSTR(MP_QSTR_pci), MP_ROM_PTR(&guest_pci_obj) },
    #if MICROPY_PY_SOCKET
    { MP_ROM_QSTR(MP_QSTR_interface), MP_ROM_PTR(&guest_interface_obj) },
    { MP_ROM_QSTR(MP_QSTR_connection), MP_ROM_PTR(&guest_connection_obj) },
    #endif
    { MP_ROM_QSTR(MP_QSTR_peek), MP_ROM_PTR(&guest_peek_obj) },
    { MP_ROM_QSTR(MP_QSTR_physical), MP_ROM_PTR(&guest_physical_obj) },
    { MP_ROM_QSTR(MP_QSTR_poke), MP_ROM_PTR(&guest_poke_obj) },
    { MP_ROM_QSTR(MP_QSTR_range), MP_ROM_PTR(&guest_range_obj) },
    { MP_ROM_QSTR(MP_QSTR_thread), MP_ROM_PTR(&guest_thread_obj) },
    { MP_ROM_QSTR(MP_QSTR_uptime), MP_ROM_PTR(&guest_uptime_obj) },
    { MP_ROM_QSTR(MP_QSTR_use), MP_ROM_PTR(&guest_use_obj) },
    { MP_ROM_QSTR(MP_QSTR_vector), MP_ROM_PTR(&guest_vector_obj) },
};
static MP_DEFINE_CONST_DICT(guest_globals, guest_globals_table);

const mp_obj_module_t guest_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&guest_globals,
};
MP_REGISTER_MODULE(MP_QSTR__guest, guest_module);
