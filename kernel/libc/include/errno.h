/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#ifndef MICROPY_INCLUDED_KERNEL_LIBC_INCLUDE_ERRNO_H
#define MICROPY_INCLUDED_KERNEL_LIBC_INCLUDE_ERRNO_H

/* Nothing in this library fails with a number: MicroPython brings its own (py/mperrno.h).
 * Its libraries only want the header to exist. */

#endif // MICROPY_INCLUDED_KERNEL_LIBC_INCLUDE_ERRNO_H
