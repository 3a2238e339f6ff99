/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The machine's watchdog: a timer that resets it. */
#ifndef MICROPY_INCLUDED_KERNEL_WATCHDOG_H
#define MICROPY_INCLUDED_KERNEL_WATCHDOG_H

#include <stdint.h>

/* Has the machine reset, with a line on the console, when the monotonic clock reaches `deadline_ns`, unless this
 * is called again before. Any thread, of any interpreter. */
void watchdog_feed(uint64_t deadline_ns);

#endif // MICROPY_INCLUDED_KERNEL_WATCHDOG_H
