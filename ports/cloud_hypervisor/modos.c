/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

// Included by extmod/modos.c.

#include "py/mperrno.h"
#include "kernel/random.h"

// os.urandom(n): from the processor's generator, or not at all.
static mp_obj_t mp_os_urandom(mp_obj_t count_obj) {
    mp_int_t count = mp_obj_get_int(count_obj);
    if (count < 0) {
        mp_raise_ValueError(NULL);
    }
    vstr_t bytes;
    vstr_init_len(&bytes, count);
    if (!random_bytes(bytes.buf, count)) {
        mp_raise_OSError(MP_ENODEV);
    }
    return mp_obj_new_bytes_from_vstr(&bytes);
}
static MP_DEFINE_CONST_FUN_OBJ_1(mp_os_urandom_obj, mp_os_urandom);
