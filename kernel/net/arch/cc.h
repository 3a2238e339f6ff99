/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The compiler and the C library, as lwIP wants them told. */
#ifndef MICROPY_INCLUDED_KERNEL_NET_ARCH_CC_H
#define MICROPY_INCLUDED_KERNEL_NET_ARCH_CC_H

#include <stddef.h>
#include <stdint.h>

#include "kernel/net/core.h"
#include "kernel/net/net_memory.h"
#include "kernel/net/net_random.h"
#include "kernel/panic.h"

#define LWIP_NO_INTTYPES_H 1
#define LWIP_NO_CTYPE_H 1
#define LWIP_NO_UNISTD_H 1
#define LWIP_PROVIDE_ERRNO 1 // The numbers; they are those of py/mperrno.h.

/* Each thread's. */
#define errno (*net_errno())

typedef ptrdiff_t ssize_t; // As <sys/types.h> has it.

#define U8_F "u"
#define S8_F "d"
#define X8_F "02x"
#define U16_F "u"
#define S16_F "d"
#define X16_F "x"
#define U32_F "u"
#define S32_F "d"
#define X32_F "x"
#define SZT_F "lu"

#define PACK_STRUCT_STRUCT __attribute__((packed))

#define lwip_htons(x) ((u16_t)__builtin_bswap16(x))
#define lwip_htonl(x) ((u32_t)__builtin_bswap32(x))

#define LWIP_RAND() net_random()

#define LWIP_PLATFORM_DIAG(x) ((void)0)

/* What does not hold in lwIP ends the machine, as anything that does not hold in the kernel: going on would be worse. The
 * report has the place, by the address. */
#if defined(KERNEL_DEBUG) || defined(__SANITIZE_THREAD__)
#define LWIP_PLATFORM_ASSERT(x) panic(x)
#else
#define LWIP_PLATFORM_ASSERT(x) __builtin_trap()
#endif

#endif // MICROPY_INCLUDED_KERNEL_NET_ARCH_CC_H
