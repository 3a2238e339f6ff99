/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The module debug_port: write(text). */

#include "debug_port.h"
#include "py/runtime.h"

static mp_obj_t debug_port_write_text(mp_obj_t text_obj) {
    size_t len;
    const char *text = mp_obj_str_get_data(text_obj, &len);
    debug_port_write(text, len);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(debug_port_write_obj, debug_port_write_text);

static const mp_rom_map_elem_t debug_port_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_debug_port) },
    { MP_ROM_QSTR(MP_QSTR_write), MP_ROM_PTR(&debug_port_write_obj) },
};
static MP_DEFINE_CONST_DICT(debug_port_globals, debug_port_globals_table);

const mp_obj_module_t debug_port_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&debug_port_globals,
};
MP_REGISTER_MODULE(MP_QSTR_debug_port, debug_port_module);
