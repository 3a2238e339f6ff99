/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The ACPI power management timer: ACPI 6.5, 4.8.2.1. */
#ifndef MICROPY_INCLUDED_DRIVERS_PMTIMER_H
#define MICROPY_INCLUDED_DRIVERS_PMTIMER_H

#include <stdint.h>

#define PMTIMER_HZ 3579545

/* Where Cloud Hypervisor and QEMU's q35 have it, for a machine without tables that say so. */
#define PMTIMER_USUAL_PORT 0x608

/* Counts the TSC's ticks over about 10 ms of the timer at the I/O port `port`. Returns ticks a
 * second, or 0 where the timer stands still. Thread context or boot. */
uint64_t pmtimer_measure_tsc_hz(uint16_t port);

#endif // MICROPY_INCLUDED_DRIVERS_PMTIMER_H
