/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Monotonic and wall-clock time. Any thread, any CPU, interrupts on or off. */
#ifndef MICROPY_INCLUDED_KERNEL_CLOCK_H
#define MICROPY_INCLUDED_KERNEL_CLOCK_H

#include <stdint.h>

/* Notes the time of the boot. First thing in C. */
void clock_init(void);

/* Nanoseconds since the boot; never goes back. */
uint64_t clock_monotonic_ns(void);

/* Nanoseconds since 1970-01-01 00:00 UTC: the host's clock, moved by clock_set_wall_ns(). */
int64_t clock_wall_ns(void);
void clock_set_wall_ns(int64_t ns);

/* Ticks of the time stamp counter a second. */
uint64_t clock_tsc_hz(void);

/* The TSC value at which clock_monotonic_ns() reaches `ns`. */
uint64_t clock_tsc_at(uint64_t ns);

/* Where the frequency came from: "cpuid 0x40000010", "kvmclock" or "acpi pm timer". */
const char *clock_source(void);

#endif // MICROPY_INCLUDED_KERNEL_CLOCK_H
