/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What a program is told of an error: as on MicroPython's other ports, the name that Mbed TLS has for it. */

#include <stdio.h>

#include "py/mperrno.h"
#include "py/runtime.h"

#include "mbedtls/entropy.h"
#include "mbedtls/error.h"
#include "mbedtls/pk.h"
#include "mbedtls/rsa.h"
#include "mbedtls/x509.h"
#include "psa/crypto.h"
#include "tls_parts.h"

// An error of a part of Mbed TLS, and below it one of what that is made of (mbedtls/error.h).
#define HIGH_LEVEL 0x7f80

#define NAME(name) { MBEDTLS_ERR_##name, #name }

// Those that the other end or the arguments can bring about: all of them would be 6 KB.
static const struct {
    int16_t error;
    const char *name;
} names[] = {
    NAME(ERROR_GENERIC_ERROR),
    NAME(ECP_VERIFY_FAILED),
    NAME(ENTROPY_SOURCE_FAILED),
    NAME(PK_UNKNOWN_NAMED_CURVE),
    NAME(PK_UNKNOWN_PK_ALG),
    NAME(RSA_VERIFY_FAILED),
    NAME(SSL_ALLOC_FAILED),
    NAME(SSL_BAD_CERTIFICATE),
    NAME(SSL_BAD_CONFIG),
    NAME(SSL_BAD_INPUT_DATA),
    NAME(SSL_BAD_PROTOCOL_VERSION),
    NAME(SSL_BUFFER_TOO_SMALL),
    NAME(SSL_CANNOT_READ_EARLY_DATA),
    NAME(SSL_CA_CHAIN_REQUIRED),
    NAME(SSL_CONN_EOF),
    NAME(SSL_COUNTER_WRAPPING),
    NAME(SSL_DECODE_ERROR),
    NAME(SSL_FATAL_ALERT_MESSAGE),
    NAME(SSL_FEATURE_UNAVAILABLE),
    NAME(SSL_HANDSHAKE_FAILURE),
    NAME(SSL_ILLEGAL_PARAMETER),
    NAME(SSL_INTERNAL_ERROR),
    NAME(SSL_INVALID_MAC),
    NAME(SSL_INVALID_RECORD),
    NAME(SSL_NON_FATAL),
    NAME(SSL_NO_APPLICATION_PROTOCOL),
    NAME(SSL_NO_CLIENT_CERTIFICATE),
    NAME(SSL_NO_RNG),
    NAME(SSL_PEER_CLOSE_NOTIFY),
    NAME(SSL_PRIVATE_KEY_REQUIRED),
    NAME(SSL_SESSION_TICKET_EXPIRED),
    NAME(SSL_TIMEOUT),
    NAME(SSL_UNEXPECTED_MESSAGE),
    NAME(SSL_UNEXPECTED_RECORD),
    NAME(SSL_UNRECOGNIZED_NAME),
    NAME(SSL_UNSUPPORTED_EXTENSION),
    NAME(X509_ALLOC_FAILED),
    NAME(X509_BAD_INPUT_DATA),
    NAME(X509_CERT_VERIFY_FAILED),
    NAME(X509_FATAL_ERROR),
    NAME(X509_FEATURE_UNAVAILABLE),
};

// Also of 1, which a verify_callback may return.
static const char *name_of(int error) {
    error = error > 0 ? -error : error;
    for (size_t i = 0; i < MP_ARRAY_SIZE(names); ++i) {
        if (names[i].error == error) {
            return names[i].name;
        }
    }
    return NULL;
}

NORETURN void tls_raise(int error) {
    if (error == MBEDTLS_ERR_SSL_ALLOC_FAILED || error == MBEDTLS_ERR_X509_ALLOC_FAILED) {
        mp_raise_OSError(MP_ENOMEM);
    }
    const char *name = name_of(error);
    name = name ? name : name_of(-error & HIGH_LEVEL);
    char text[64];
    if (name) {
        snprintf(text, sizeof(text), "MBEDTLS_ERR_%s", name);
    } else {
        snprintf(text, sizeof(text), "MBEDTLS_ERR -0x%04x", -error);
    }
    mp_obj_t args[] = { MP_OBJ_NEW_SMALL_INT(error), mp_obj_new_str_from_cstr(text) };
    nlr_raise(mp_obj_new_exception_args(&mp_type_OSError, MP_ARRAY_SIZE(args), args));
}
