/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* machine.RTC: the wall clock that time.time() reads too. */

#include "py/runtime.h"
#include "shared/timeutils/timeutils.h"

#include "kernel/clock.h"
#include "modmachine.h"

#if MICROPY_PY_MACHINE

#define NS_PER_S 1000000000
#define NS_PER_US 1000

// timeutils_seconds_since_epoch() of v1.25 goes wrong before; the clock counts nanoseconds in an
// int64_t, which ends in 2262.
#define YEAR_MIN 1901
#define YEAR_MAX 2261

static const mp_obj_base_t machine_rtc = { &machine_rtc_type };

static mp_obj_t machine_rtc_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    (void)type;
    mp_arg_check_num(n_args, n_kw, 0, 0, false);
    (void)args;
    return MP_OBJ_FROM_PTR(&machine_rtc);
}

static mp_obj_t get_datetime(void) {
    int64_t wall_ns = clock_wall_ns();
    int64_t seconds = wall_ns / NS_PER_S;
    int64_t ns = wall_ns % NS_PER_S;
    if (ns < 0) {
        // Before 1970.
        ns += NS_PER_S;
        --seconds;
    }
    timeutils_struct_time_t tm;
    timeutils_seconds_since_epoch_to_struct_time(seconds, &tm);
    mp_obj_t items[8] = {
        mp_obj_new_int(tm.tm_year),
        mp_obj_new_int(tm.tm_mon),
        mp_obj_new_int(tm.tm_mday),
        mp_obj_new_int(tm.tm_wday),
        mp_obj_new_int(tm.tm_hour),
        mp_obj_new_int(tm.tm_min),
        mp_obj_new_int(tm.tm_sec),
        mp_obj_new_int(ns / NS_PER_US),
    };
    return mp_obj_new_tuple(8, items);
}

static mp_int_t get_field(mp_obj_t item, mp_int_t least, mp_int_t most) {
    mp_int_t value = mp_obj_get_int(item);
    if (value < least || value > most) {
        mp_raise_ValueError(MP_ERROR_TEXT("date or time out of range"));
    }
    return value;
}

// datetime([(year, month, day, weekday, hour, minute, second, microsecond)]): sets the clock
// until the machine stops, not the host's. The weekday is not looked at. What is no date is
// refused: upstream's timeutils either looks it up beyond a table or counts on.
static mp_obj_t machine_rtc_datetime(size_t n_args, const mp_obj_t *args) {
    if (n_args == 1) {
        return get_datetime();
    }
    mp_obj_t *items;
    mp_obj_get_array_fixed_n(args[1], 8, &items);
    mp_int_t year = get_field(items[0], YEAR_MIN, YEAR_MAX);
    mp_int_t month = get_field(items[1], 1, 12);
    mp_int_t day = get_field(items[2], 1, timeutils_days_in_month(year, month));
    mp_int_t hour = get_field(items[4], 0, 23);
    mp_int_t minute = get_field(items[5], 0, 59);
    mp_int_t second = get_field(items[6], 0, 59);
    mp_int_t microsecond = get_field(items[7], 0, 999999);
    int64_t seconds = timeutils_seconds_since_epoch(year, month, day, hour, minute, second);
    clock_set_wall_ns(seconds * NS_PER_S + microsecond * NS_PER_US);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(machine_rtc_datetime_obj, 1, 2, machine_rtc_datetime);

static const mp_rom_map_elem_t machine_rtc_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_datetime), MP_ROM_PTR(&machine_rtc_datetime_obj) },
};
static MP_DEFINE_CONST_DICT(machine_rtc_locals, machine_rtc_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    machine_rtc_type,
    MP_QSTR_RTC,
    MP_TYPE_FLAG_NONE,
    make_new, machine_rtc_make_new,
    locals_dict, &machine_rtc_locals
    );

#endif // MICROPY_PY_MACHINE
