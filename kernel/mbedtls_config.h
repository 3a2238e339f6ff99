/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What of Mbed TLS the kernel has, for kernel/drbg.c alone: Mbed TLS includes this as its configuration. An
 * application's Mbed TLS is another one. */
#ifndef MICROPY_INCLUDED_KERNEL_MBEDTLS_CONFIG_H
#define MICROPY_INCLUDED_KERNEL_MBEDTLS_CONFIG_H

#define MBEDTLS_CTR_DRBG_C
#define MBEDTLS_CTR_DRBG_MAX_SEED_INPUT 256 // On the stack, twice: DRBG_SEED_MAX.

// With decryption and CBC, which the kernel does not need: an application's Mbed TLS may use it.
#define MBEDTLS_AES_C
#define MBEDTLS_CIPHER_MODE_CBC
#define MBEDTLS_CIPHER_MODE_CTR
// By AES-NI where the CPU has it, else by constant tables of 1 KiB.
#define MBEDTLS_HAVE_ASM
#define MBEDTLS_AESNI_C
#define MBEDTLS_AES_ROM_TABLES
#define MBEDTLS_AES_FEWER_TABLES

// Nothing is allocated: these declare functions that are never called.
#define MBEDTLS_PLATFORM_C
#define MBEDTLS_PLATFORM_MEMORY

#endif // MICROPY_INCLUDED_KERNEL_MBEDTLS_CONFIG_H
