/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#ifndef MICROPY_INCLUDED_KERNEL_LIBC_INCLUDE_UNISTD_H
#define MICROPY_INCLUDED_KERNEL_LIBC_INCLUDE_UNISTD_H

#include <sys/types.h>

#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2

#endif // MICROPY_INCLUDED_KERNEL_LIBC_INCLUDE_UNISTD_H
