/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What Mbed TLS asks its platform for. */

#include <time.h>

#include "py/obj.h"

#include "mbedtls/sha1.h"
#include "mbedtls/sha256.h"
#include "sha_blocks.h"

int mbedtls_internal_sha1_process(mbedtls_sha1_context *ctx, const unsigned char block[64]) {
    sha1_block(ctx->MBEDTLS_PRIVATE(state), block);
    return 0;
}

int mbedtls_internal_sha256_process(mbedtls_sha256_context *ctx, const unsigned char block[64]) {
    sha256_block(ctx->MBEDTLS_PRIVATE(state), block);
    return 0;
}

#if MICROPY_PY_TLS

#include "mbedtls/platform_time.h"
#include "mbedtls/platform_util.h"
#include "psa/crypto.h"
#include "shared/timeutils/timeutils.h"

#include "kernel/clock.h"
#include "kernel/random.h"

#define NS_PER_S 1000000000
#define NS_PER_MS 1000000

// The kernel's generator, which is seeded already.

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

#endif // MICROPY_PY_TLS
