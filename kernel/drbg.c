/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <limits.h>
#include <string.h>

#include "mbedtls/ctr_drbg.h"

#include "kernel/drbg.h"
#include "kernel/panic.h"

_Static_assert(MBEDTLS_CTR_DRBG_MAX_SEED_INPUT == DRBG_SEED_MAX, "kernel/mbedtls_config.h");
_Static_assert(MBEDTLS_CTR_DRBG_MAX_INPUT >= DRBG_SEED_MAX, "kernel/mbedtls_config.h");
_Static_assert(MBEDTLS_CTR_DRBG_MAX_REQUEST == DRBG_REQUEST_MAX, "kernel/mbedtls_config.h");

static mbedtls_ctr_drbg_context generator;
static bool is_instantiated;
static const void *next_seed; // Of as many bytes as Mbed TLS was told; NULL: there is none.

/* Mbed TLS asks for a seed where it uses it. */
static int give_seed(void *arg, unsigned char *out, size_t len) {
    (void)arg;
    if (!next_seed) {
        return MBEDTLS_ERR_CTR_DRBG_ENTROPY_SOURCE_FAILED;
    }
    memcpy(out, next_seed, len);
    return 0;
}

/* Only wrong lengths are errors, and requests without end that nobody reseeds for. */
static void check(int error) {
    if (error) {
        panic("the random generator has failed");
    }
}

static void instantiate(size_t len) {
    mbedtls_ctr_drbg_init(&generator);
    mbedtls_ctr_drbg_set_entropy_len(&generator, len);
    mbedtls_ctr_drbg_set_nonce_len(&generator, 0); // It is part of the seed.
    mbedtls_ctr_drbg_set_reseed_interval(&generator, INT_MAX); // When that is due is the user's matter.
    check(mbedtls_ctr_drbg_seed(&generator, give_seed, NULL, NULL, 0));
    is_instantiated = true;
}

void drbg_seed(const void *seed, size_t len) {
    next_seed = seed;
    if (!is_instantiated) {
        instantiate(len);
    } else {
        mbedtls_ctr_drbg_set_entropy_len(&generator, len);
        check(mbedtls_ctr_drbg_reseed(&generator, NULL, 0));
    }
    next_seed = NULL;
}

void drbg_generate(void *out, size_t len, const void *additional, size_t additional_len) {
    check(mbedtls_ctr_drbg_random_with_add(&generator, out, len, additional, additional_len));
}
