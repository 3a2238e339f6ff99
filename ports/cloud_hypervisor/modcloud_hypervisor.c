/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The module cloud_hypervisor: what is particular to this machine. */

#include <string.h>

#include "py/runtime.h"

#include "boot/idt.h"
#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/interpreters.h"
#include "kernel/system.h"
#include "ramdisk.h"

static mp_obj_t text(const char *value) {
    return mp_obj_new_str(value, strlen(value));
}

// vmm(): the virtual machine monitor, as it names itself.
static mp_obj_t cloud_hypervisor_vmm(void) {
    return text(system_vmm_name());
}
static MP_DEFINE_CONST_FUN_OBJ_0(cloud_hypervisor_vmm_obj, cloud_hypervisor_vmm);

// cmdline(): the kernel command line the VMM was given.
static mp_obj_t cloud_hypervisor_cmdline(void) {
    return text(system_cmdline());
}
static MP_DEFINE_CONST_FUN_OBJ_0(cloud_hypervisor_cmdline_obj, cloud_hypervisor_cmdline);

// cpus(): how many the machine has.
static mp_obj_t cloud_hypervisor_cpus(void) {
    return mp_obj_new_int_from_uint(system_cpu_count());
}
static MP_DEFINE_CONST_FUN_OBJ_0(cloud_hypervisor_cpus_obj, cloud_hypervisor_cpus);

// memory(): (total, free) bytes of the machine; free is what no one uses or was promised.
static mp_obj_t cloud_hypervisor_memory(void) {
    mp_obj_t items[2] = {
        mp_obj_new_int_from_uint(system_ram_bytes()),
        mp_obj_new_int_from_uint(system_ram_free_bytes()),
    };
    return mp_obj_new_tuple(2, items);
}
static MP_DEFINE_CONST_FUN_OBJ_0(cloud_hypervisor_memory_obj, cloud_hypervisor_memory);

// clock(): where the frequency of the clock was learned.
static mp_obj_t cloud_hypervisor_clock(void) {
    return text(clock_source());
}
static MP_DEFINE_CONST_FUN_OBJ_0(cloud_hypervisor_clock_obj, cloud_hypervisor_clock);

// interrupts(): how often each device has interrupted since the boot, a dict by its name.
static mp_obj_t cloud_hypervisor_interrupts(void) {
    mp_obj_t dict = mp_obj_new_dict(0);
    for (unsigned vector = VECTOR_FIRST_DEVICE; vector < VECTOR_SPURIOUS; ++vector) {
        const char *name = interrupt_name(vector);
        if (name) {
            mp_map_elem_t *sum = mp_map_lookup(mp_obj_dict_get_map(dict), text(name), MP_MAP_LOOKUP_ADD_IF_NOT_FOUND);
            mp_obj_t before = sum->value ? sum->value : MP_OBJ_NEW_SMALL_INT(0);
            sum->value = mp_binary_op(MP_BINARY_OP_ADD, before, mp_obj_new_int_from_ull(interrupt_count(vector)));
        }
    }
    return dict;
}
static MP_DEFINE_CONST_FUN_OBJ_0(cloud_hypervisor_interrupts_obj, cloud_hypervisor_interrupts);

#if MICROPY_PY_SOCKET
// _type(bytes): as if they were typed at the console; how many there was room for. It is the first interpreter's.
static mp_obj_t cloud_hypervisor_type(mp_obj_t bytes) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(bytes, &buffer, MP_BUFFER_READ);
    if (!interpreter_is_main(interpreter_current())) {
        mp_raise_msg(&mp_type_RuntimeError, MP_ERROR_TEXT("the prompt is another interpreter's"));
    }
    return MP_OBJ_NEW_SMALL_INT(console_type(buffer.buf, buffer.len));
}
static MP_DEFINE_CONST_FUN_OBJ_1(cloud_hypervisor_type_obj, cloud_hypervisor_type);
#endif

static const mp_rom_map_elem_t cloud_hypervisor_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_cloud_hypervisor) },
    #if MICROPY_VFS_LFS2
    { MP_ROM_QSTR(MP_QSTR_RAMDisk), MP_ROM_PTR(&ramdisk_type) },
    #endif
    #if MICROPY_PY_SOCKET
    { MP_ROM_QSTR(MP_QSTR__type), MP_ROM_PTR(&cloud_hypervisor_type_obj) },
    #endif
    { MP_ROM_QSTR(MP_QSTR_clock), MP_ROM_PTR(&cloud_hypervisor_clock_obj) },
    { MP_ROM_QSTR(MP_QSTR_cmdline), MP_ROM_PTR(&cloud_hypervisor_cmdline_obj) },
    { MP_ROM_QSTR(MP_QSTR_cpus), MP_ROM_PTR(&cloud_hypervisor_cpus_obj) },
    { MP_ROM_QSTR(MP_QSTR_interrupts), MP_ROM_PTR(&cloud_hypervisor_interrupts_obj) },
    { MP_ROM_QSTR(MP_QSTR_memory), MP_ROM_PTR(&cloud_hypervisor_memory_obj) },
    { MP_ROM_QSTR(MP_QSTR_vmm), MP_ROM_PTR(&cloud_hypervisor_vmm_obj) },
};
static MP_DEFINE_CONST_DICT(cloud_hypervisor_globals, cloud_hypervisor_globals_table);

const mp_obj_module_t cloud_hypervisor_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&cloud_hypervisor_globals,
};
MP_REGISTER_MODULE(MP_QSTR_cloud_hypervisor, cloud_hypervisor_module);
