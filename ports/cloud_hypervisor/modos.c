/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

// Included by extmod/modos.c.

#include "py/mphal.h"

// os.urandom(n), which later versions have themselves.
#if MICROPY_VERSION < MICROPY_MAKE_VERSION(1, 28, 0)
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
