/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What Mbed TLS asks its platform for. */

#include <time.h>

#include "py/obj.h"

#include "mbedtls/entropy.h"
#include "mbedtls/error.h"
#include "mbedtls/platform_time.h"
#include "mbedtls/platform_util.h"
#include "mbedtls/ssl.h"
#include "mbedtls/x509.h"
#include "psa/crypto.h"
#include "shared/timeutils/timeutils.h"

#include "kernel/clock.h"
#include "kernel/random.h"

#define NS_PER_S 1000000000
#define NS_PER_MS 1000000

// What a user may meet; library/error.c has all, in 14 KB.
static const struct {
    int error;
    const char *text;
} texts[] = {
    { MBEDTLS_ERR_SSL_CA_CHAIN_REQUIRED, "no certificate authorities are given" },
    { MBEDTLS_ERR_X509_CERT_VERIFY_FAILED, "the certificate cannot be trusted" },
    { MBEDTLS_ERR_SSL_BAD_CERTIFICATE, "the certificate is broken" },
    { MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE, "the client has no certificate" },
    { MBEDTLS_ERR_SSL_PRIVATE_KEY_REQUIRED, "no certificate and key are given" },
    { MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE, "the other end shares no way to encrypt" },
    { MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION, "the other end has no version of TLS that is known here" },
    { MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE, "the other end has ended it with an alert" },
    { MBEDTLS_ERR_SSL_INVALID_RECORD, "what came is no TLS" },
    { MBEDTLS_ERR_SSL_INVALID_MAC, "what came was changed on its way" },
    { MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE, "what came was not due" },
    { MBEDTLS_ERR_SSL_DECODE_ERROR, "what came makes no sense" },
    { MBEDTLS_ERR_SSL_ILLEGAL_PARAMETER, "what came may not be" },
    { MBEDTLS_ERR_SSL_CONN_EOF, "the connection ended" },
    { MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY, "the other end has closed it" },
    { MBEDTLS_ERR_SSL_UNRECOGNIZED_NAME, "the server does not have that name" },
    { MBEDTLS_ERR_SSL_TIMEOUT, "timed out" },
    { MBEDTLS_ERR_SSL_BAD_CONFIG, "the configuration makes no sense" },
    { MBEDTLS_ERR_SSL_BAD_INPUT_DATA, "an argument makes no sense" },
    { MBEDTLS_ERR_SSL_ALLOC_FAILED, "memory is missing" },
    { MBEDTLS_ERR_ENTROPY_SOURCE_FAILED, "there are no random bytes" },
};

void mbedtls_strerror(int error, char *buffer, size_t size) {
    for (size_t i = 0; i < MP_ARRAY_SIZE(texts); ++i) {
        if (texts[i].error == error) {
            snprintf(buffer, size, "%s", texts[i].text);
            return;
        }
    }
    snprintf(buffer, size, "TLS error -0x%04x", -error);
}

// The kernel's generator, which is seeded already.

int mbedtls_hardware_poll(void *ctx, unsigned char *output, size_t len, size_t *done) {
    (void)ctx;
    *done = random_bytes(output, len) ? len : 0;
    return *done ? 0 : MBEDTLS_ERR_ENTROPY_SOURCE_FAILED;
}

psa_status_t mbedtls_psa_external_get_random(mbedtls_psa_external_random_context_t *ctx, uint8_t *output, size_t size,
    size_t *done) {
    (void)ctx;
    *done = random_bytes(output, size) ? size : 0;
    return *done ? PSA_SUCCESS : PSA_ERROR_INSUFFICIENT_ENTROPY;
}

// Certificates are valid for a time.

time_t time(time_t *timer) {
    time_t now = clock_wall_ns() / NS_PER_S;
    if (timer) {
        *timer = now;
    }
    return now;
}

mbedtls_ms_time_t mbedtls_ms_time(void) {
    return clock_monotonic_ns() / NS_PER_MS;
}

struct tm *mbedtls_platform_gmtime_r(const mbedtls_time_t *time, struct tm *tm) {
    timeutils_struct_time_t got;
    timeutils_seconds_since_epoch_to_struct_time(*time, &got);
    *tm = (struct tm) {
        .tm_sec = got.tm_sec, .tm_min = got.tm_min, .tm_hour = got.tm_hour, .tm_mday = got.tm_mday, .tm_mon = got.tm_mon - 1,
        .tm_year = got.tm_year - 1900, .tm_wday = (got.tm_wday + 1) % 7, .tm_yday = got.tm_yday - 1,
    };
    return tm;
}
