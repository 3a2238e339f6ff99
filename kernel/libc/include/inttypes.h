/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#ifndef MICROPY_INCLUDED_KERNEL_LIBC_INCLUDE_INTTYPES_H
#define MICROPY_INCLUDED_KERNEL_LIBC_INCLUDE_INTTYPES_H

#include <stdint.h>

/* For the LP64 model, the formats that MicroPython and its libraries print with. */
#define PRId8 "d"
#define PRId16 "d"
#define PRId32 "d"
#define PRId64 "ld"
#define PRIu8 "u"
#define PRIu16 "u"
#define PRIu32 "u"
#define PRIu64 "lu"
#define PRIx8 "x"
#define PRIx16 "x"
#define PRIx32 "x"
#define PRIx64 "lx"
#define PRIdPTR "ld"
#define PRIuPTR "lu"
#define PRIxPTR "lx"

#endif // MICROPY_INCLUDED_KERNEL_LIBC_INCLUDE_INTTYPES_H
