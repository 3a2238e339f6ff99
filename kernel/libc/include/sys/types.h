/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#ifndef MICROPY_INCLUDED_KERNEL_LIBC_INCLUDE_SYS_TYPES_H
#define MICROPY_INCLUDED_KERNEL_LIBC_INCLUDE_SYS_TYPES_H

#include <stddef.h>
#include <stdint.h>

typedef ptrdiff_t ssize_t;
typedef int64_t off_t;

#endif // MICROPY_INCLUDED_KERNEL_LIBC_INCLUDE_SYS_TYPES_H
