/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* AES as it is chosen of Mbed TLS, for the kernel's configuration and an application's: the code is the kernel's, which needs
 * neither decryption nor these modes, and what both have of it in memory is the same. */
#ifndef MICROPY_INCLUDED_KERNEL_MBEDTLS_AES_H
#define MICROPY_INCLUDED_KERNEL_MBEDTLS_AES_H

#define MBEDTLS_AES_C
#define MBEDTLS_CIPHER_MODE_CBC
#define MBEDTLS_CIPHER_MODE_CTR
// By AES-NI where the CPU has it, else by constant tables of 2 KiB.
#define MBEDTLS_HAVE_ASM
#define MBEDTLS_AESNI_C
#define MBEDTLS_AES_ROM_TABLES
#define MBEDTLS_AES_FEWER_TABLES

#endif // MICROPY_INCLUDED_KERNEL_MBEDTLS_AES_H
