/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

// Included by extmod/modos.c.

#include "py/mphal.h"
#include "environment.h"
#include "kernel/cpus.h"

// os.getenv(name, default=None)
static mp_obj_t mp_os_getenv(size_t n_args, const mp_obj_t *args) {
    mp_map_elem_t *elem = mp_map_lookup(mp_obj_dict_get_map(environment()), args[0], MP_MAP_LOOKUP);
    return elem ? elem->value : n_args > 1 ? args[1] : mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mp_os_getenv_obj, 1, 2, mp_os_getenv);

// os.putenv(name, value): unlike CPython's, it is seen in os.environ.
static mp_obj_t mp_os_putenv(mp_obj_t name, mp_obj_t value) {
    mp_obj_str_get_str(name);
    mp_obj_str_get_str(value);
    mp_obj_dict_store(environment(), name, value);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(mp_os_putenv_obj, mp_os_putenv);

// os.unsetenv(name)
static mp_obj_t mp_os_unsetenv(mp_obj_t name) {
    mp_map_lookup(mp_obj_dict_get_map(environment()), name, MP_MAP_LOOKUP_REMOVE_IF_FOUND);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(mp_os_unsetenv_obj, mp_os_unsetenv);

// os.cpu_count(), os.process_cpu_count()
static mp_obj_t mp_os_cpu_count(void) {
    return MP_OBJ_NEW_SMALL_INT(cpus_usable());
}
MP_DEFINE_CONST_FUN_OBJ_0(mp_os_cpu_count_obj, mp_os_cpu_count);

// os.urandom(n), which later versions have themselves.
#if MICROPY_PY_OS_URANDOM && MICROPY_VERSION < MICROPY_MAKE_VERSION(1, 28, 0)
static mp_obj_t mp_os_urandom(mp_obj_t count_obj) {
    mp_int_t count = mp_obj_get_int(count_obj);
    if (count < 0) {
        mp_raise_ValueError(NULL);
    }
    vstr_t bytes;
    vstr_init_len(&bytes, count);
    mp_hal_get_random(count, (uint8_t *)bytes.buf);
    return mp_obj_new_bytes_from_vstr(&bytes);
}
static MP_DEFINE_CONST_FUN_OBJ_1(mp_os_urandom_obj, mp_os_urandom);
#endif
