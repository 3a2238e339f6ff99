/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#ifndef MICROPY_INCLUDED_KERNEL_LIBC_INCLUDE_TIME_H
#define MICROPY_INCLUDED_KERNEL_LIBC_INCLUDE_TIME_H

#include <stdint.h>

/* What an application's libraries want of it; the kernel has clock.h. */
typedef int64_t time_t;

struct tm {
    int tm_sec, tm_min, tm_hour, tm_mday, tm_mon, tm_year, tm_wday, tm_yday, tm_isdst;
};

time_t time(time_t *timer);

#endif // MICROPY_INCLUDED_KERNEL_LIBC_INCLUDE_TIME_H
