/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Included ahead of py/modio.c. Where select.poll() finds that an object written in Python is not ready, nothing tells when it
 * is, and poll() sleeps until something happens: it is to look again soon. Objects that wake it themselves say so by an
 * attribute `_wakes_poll`. */

#include "py/mphal.h"
#include "py/obj.h"
#include "py/runtime.h"
#include "py/stream.h"

#if MICROPY_PY_IO_IOBASE
static mp_uint_t upstream_iobase_ioctl(mp_obj_t obj, mp_uint_t request, uintptr_t arg, int *errcode);

static mp_uint_t iobase_ioctl(mp_obj_t obj, mp_uint_t request, uintptr_t arg, int *errcode) {
    mp_uint_t result = upstream_iobase_ioctl(obj, request, arg, errcode);
    if (request == MP_STREAM_POLL && result == 0) {
        mp_obj_t wakes[2];
        mp_load_method_maybe(obj, MP_QSTR__wakes_poll, wakes);
        if (wakes[0] == MP_OBJ_NULL) {
            mp_hal_look_again();
        }
    }
    return result;
}

// The definition is upstream's; the table of functions, which calls nothing, has ours.
#define iobase_ioctl(...) upstream_iobase_ioctl(__VA_ARGS__)
#endif
