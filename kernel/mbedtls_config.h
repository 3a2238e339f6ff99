/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What of Mbed TLS the kernel has, for kernel/drbg.c alone: Mbed TLS includes this as its configuration. An
 * application's Mbed TLS is another one. */
#ifndef MICROPY_INCLUDED_KERNEL_MBEDTLS_CONFIG_H
#define MICROPY_INCLUDED_KERNEL_MBEDTLS_CONFIG_H

#include "kernel/mbedtls_aes.h"

#define MBEDTLS_CTR_DRBG_C
#define MBEDTLS_CTR_DRBG_MAX_SEED_INPUT 256 // On the stack, twice: DRBG_SEED_MAX.

// Nothing is allocated: these declare functions that are never called.
#define MBEDTLS_PLATFORM_C
#define MBEDTLS_PLATFORM_MEMORY

#endif // MICROPY_INCLUDED_KERNEL_MBEDTLS_CONFIG_H
