/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

// Included by extmod/modtime.c.

#include <math.h>

#include "kernel/clock.h"
#include "shared/timeutils/timeutils.h"

#define NS_PER_S 1000000000

// time.time_ns() makes an int of mp_hal_time_ns(), which is unsigned to all ports. Before 1970
// it is negative.
#define mp_obj_new_int_from_ull mp_obj_new_int_from_ll

// Rounded down, before 1970 too.
static int64_t wall_seconds(void) {
    int64_t ns = clock_wall_ns();
    return ns / NS_PER_S - (ns % NS_PER_S < 0);
}

// time.time(): whole seconds, as localtime() wants them; time_ns() tells the rest.
static mp_obj_t mp_time_time_get(void) {
    return mp_obj_new_int_from_ll(wall_seconds());
}

#if MICROPY_VERSION >= MICROPY_MAKE_VERSION(1, 27, 0)

static void mp_time_localtime_get(timeutils_struct_time_t *tm) {
    timeutils_seconds_since_epoch_to_struct_time(wall_seconds(), tm);
}

#else

static mp_obj_t mp_time_localtime_get(void) {
    timeutils_struct_time_t tm;
    timeutils_seconds_since_epoch_to_struct_time(wall_seconds(), &tm);
    mp_obj_t tuple[8] = {
        mp_obj_new_int(tm.tm_year),
        mp_obj_new_int(tm.tm_mon),
        mp_obj_new_int(tm.tm_mday),
        mp_obj_new_int(tm.tm_hour),
        mp_obj_new_int(tm.tm_min),
        mp_obj_new_int(tm.tm_sec),
        mp_obj_new_int(tm.tm_wday),
        mp_obj_new_int(tm.tm_yday),
    };
    return mp_obj_new_tuple(8, tuple);
}

#endif

#if MICROPY_PY_BUILTINS_FLOAT

// time.sleep(), to the nanosecond as far as a float tells them.
static void mp_time_sleep(mp_obj_t seconds_obj) {
    mp_float_t seconds = mp_obj_get_float(seconds_obj);
    if (isnan(seconds) || seconds < 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("sleep length must be non-negative"));
    }
    // Half of the clock's range is a long time: 292 years.
    mp_float_t limit = INT64_MAX / NS_PER_S;
    mp_hal_delay_until_ns(clock_monotonic_ns() + (uint64_t)(MIN(seconds, limit) * NS_PER_S));
}

#else

// Whole seconds.
static void mp_time_sleep(mp_obj_t seconds_obj) {
    mp_int_t seconds = mp_obj_get_int(seconds_obj);
    if (seconds < 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("sleep length must be non-negative"));
    }
    mp_hal_delay_until_ns(clock_monotonic_ns() + MIN(seconds, INT64_MAX / NS_PER_S / 2) * NS_PER_S);
}

#endif
