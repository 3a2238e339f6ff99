/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#ifndef MICROPY_INCLUDED_KERNEL_LIBC_INCLUDE_ALLOCA_H
#define MICROPY_INCLUDED_KERNEL_LIBC_INCLUDE_ALLOCA_H

#include <stddef.h>

#define alloca(size) __builtin_alloca(size)

#endif // MICROPY_INCLUDED_KERNEL_LIBC_INCLUDE_ALLOCA_H
