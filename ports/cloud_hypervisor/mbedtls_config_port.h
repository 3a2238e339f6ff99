/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What of Mbed TLS the firmware has: Mbed TLS includes this as its configuration. */
#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_MBEDTLS_CONFIG_PORT_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_MBEDTLS_CONFIG_PORT_H

#define MBEDTLS_MD5_C
#define MBEDTLS_SHA1_C
#define MBEDTLS_SHA256_C

#define MBEDTLS_AES_C
#define MBEDTLS_CIPHER_MODE_CBC
#define MBEDTLS_CIPHER_MODE_CTR
// By AES-NI where the CPU has it, else by constant tables of 2 KiB: the interpreter's data is small.
#define MBEDTLS_HAVE_ASM
#define MBEDTLS_AESNI_C
#define MBEDTLS_AES_ROM_TABLES
#define MBEDTLS_AES_FEWER_TABLES

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_MBEDTLS_CONFIG_PORT_H
