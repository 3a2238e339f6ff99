/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Functions and classes by the names of their module and of themselves. */

#include <string.h>

#include "py/builtin.h"
#include "py/objfun.h"
#include "py/objmodule.h"
#include "py/objtype.h"
#include "py/runtime.h"

#include "transfer_format.h"

extern const mp_obj_type_t mp_type_closure; // No header of upstream declares it.

// The name of a global that is this very object; MP_QSTRnull: there is none.
static qstr name_in(const mp_map_t *globals, mp_obj_t obj) {
    for (size_t i = 0; i < globals->alloc; i++) {
        if (mp_map_slot_is_filled(globals, i) && globals->table[i].value == obj
            && mp_obj_is_qstr(globals->table[i].key)) {
            return MP_OBJ_QSTR_VALUE(globals->table[i].key);
        }
    }
    return MP_QSTRnull;
}

// The globals of a module; NULL: it is none, or __main__.
static const mp_map_t *globals_of(mp_obj_t module) {
    if (!mp_obj_is_exact_type(module, &mp_type_module)) {
        return NULL;
    }
    const mp_obj_dict_t *globals = mp_obj_module_get_globals(module);
    return globals == &MP_STATE_VM(dict_main) ? NULL : &globals->map;
}

// Looks through `modules`, a map of modules by name.
static bool find_in_modules(const mp_map_t *modules, mp_obj_t obj, qstr *module, qstr *name) {
    for (size_t i = 0; i < modules->alloc; i++) {
        if (mp_map_slot_is_filled(modules, i) && mp_obj_is_qstr(modules->table[i].key)) {
            const mp_map_t *globals = globals_of(modules->table[i].value);
            *name = globals ? name_in(globals, obj) : MP_QSTRnull;
            if (*name != MP_QSTRnull) {
                *module = MP_OBJ_QSTR_VALUE(modules->table[i].key);
                return true;
            }
        }
    }
    return false;
}

static mp_obj_t item_of(const mp_obj_dict_t *dict, qstr key) {
    const mp_map_elem_t *elem = mp_map_lookup((mp_map_t *)&dict->map, MP_OBJ_NEW_QSTR(key), MP_MAP_LOOKUP);
    return elem ? elem->value : MP_OBJ_NULL;
}

static bool has_context(const mp_obj_type_t *type) {
    return type == &mp_type_fun_bc || type == &mp_type_gen_wrap
        #if MICROPY_EMIT_NATIVE
           || type == &mp_type_fun_native || type == &mp_type_native_gen_wrap || type == &mp_type_fun_viper
        #endif
    ;
}

// What the module calls itself that made the function or class; MP_OBJ_NULL: it was made in C.
static mp_obj_t name_of_module(mp_obj_t obj) {
    const mp_obj_type_t *type = mp_obj_get_type(obj);
    if (has_context(type)) {
        const mp_obj_fun_bc_t *function = MP_OBJ_TO_PTR(obj);
        return item_of(function->context->module.globals, MP_QSTR___name__);
    }
    if (type == &mp_type_closure) {
        return item_of(MP_OBJ_TO_PTR(mp_load_attr(obj, MP_QSTR___globals__)), MP_QSTR___name__);
    }
    if (type == &mp_type_type && mp_obj_is_instance_type((const mp_obj_type_t *)MP_OBJ_TO_PTR(obj))) {
        const mp_obj_type_t *class = MP_OBJ_TO_PTR(obj);
        return item_of(MP_OBJ_TYPE_GET_SLOT(class, locals_dict), MP_QSTR___module__);
    }
    return MP_OBJ_NULL;
}

static bool is_made_in_c(mp_obj_t obj) {
    const mp_obj_type_t *type = mp_obj_get_type(obj);
    return type == &mp_type_type || type == &mp_type_fun_builtin_0 || type == &mp_type_fun_builtin_1
           || type == &mp_type_fun_builtin_2 || type == &mp_type_fun_builtin_3 || type == &mp_type_fun_builtin_var;
}

bool transfer_find_global(mp_obj_t obj, qstr *module, qstr *name) {
    mp_obj_t own = name_of_module(obj);
    if (own != MP_OBJ_NULL) {
        // There only: other modules have it from there.
        mp_obj_t loaded = MP_OBJ_NULL;
        if (mp_obj_is_qstr(own)) {
            loaded = item_of(&MP_STATE_VM(mp_loaded_modules_dict), MP_OBJ_QSTR_VALUE(own));
        }
        const mp_map_t *globals = loaded == MP_OBJ_NULL ? NULL : globals_of(loaded);
        *name = globals ? name_in(globals, obj) : MP_QSTRnull;
        if (*name != MP_QSTRnull) {
            *module = MP_OBJ_QSTR_VALUE(own);
        }
        return *name != MP_QSTRnull;
    }
    if (!is_made_in_c(obj)) {
        return false;
    }
    *name = name_in(&mp_module_builtins_globals.map, obj);
    if (*name != MP_QSTRnull) {
        *module = MP_QSTR_builtins;
        return true;
    }
    return find_in_modules(&mp_builtin_module_map, obj, module, name)
           || find_in_modules(&mp_builtin_extensible_module_map, obj, module, name)
           || find_in_modules(&MP_STATE_VM(mp_loaded_modules_dict).map, obj, module, name);
}

// Without making qstrs of what untrusted bytes hold, and without importing.
static mp_obj_t load_builtin(const byte *name, size_t len) {
    qstr found = qstr_find_strn((const char *)name, len);
    const mp_map_elem_t *elem = NULL;
    if (found != MP_QSTRnull) {
        elem = mp_map_lookup((mp_map_t *)&mp_module_builtins_globals.map, MP_OBJ_NEW_QSTR(found), MP_MAP_LOOKUP);
    }
    if (!elem) {
        decode_refuse();
    }
    return elem->value;
}

mp_obj_t transfer_load_global(decoder_t *d) {
    size_t module_len;
    const byte *module = decode_text(d, &module_len);
    if (module_len == strlen("builtins") && memcmp(module, "builtins", module_len) == 0) {
        size_t len;
        const byte *name = decode_text(d, &len);
        return load_builtin(name, len);
    }
    if (d->trust != TRANSFER_CODE || module_len > TRANSFER_NAME_MAX) {
        decode_refuse();
    }
    qstr name = decode_qstr(d);
    // With a list of names to import, whatever it holds, it gives the last module of a dotted path.
    qstr path = qstr_from_strn((const char *)module, module_len);
    return mp_load_attr(mp_import_name(path, mp_const_true, MP_OBJ_NEW_SMALL_INT(0)), name);
}
