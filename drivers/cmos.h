/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The CMOS real-time clock (Motorola MC146818A), read only. */
#ifndef MICROPY_INCLUDED_DRIVERS_CMOS_H
#define MICROPY_INCLUDED_DRIVERS_CMOS_H

#include <stdbool.h>
#include <stdint.h>

/* Seconds since 1970 of the UTC time that the clock shows. Returns false where it shows no date.
 * Thread context; not on two CPUs at once. */
bool cmos_read_time(int64_t *seconds);

#endif // MICROPY_INCLUDED_DRIVERS_CMOS_H
