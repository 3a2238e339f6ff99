/* SPD7fd81fbd2ab51c115d834e99f65ca54020ed388ed59ee07593fe125e5d73fb75-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The generator as the kernel has it, with Mbed TLS's code: what NIST has published for it comes out, by the CPU's AES
 * and without. */
#include "kernel/drbg.h"
#include "kernel/panic.h"

#include "tests/host/unit.h"

_Noreturn void panic(const char *message) {
    fprintf(stderr, "panic: %s\n", message);
    abort();
}

/* Mbed TLS asks this; tests/host/programs.py has the linker put it in the way. */
int __real_mbedtls_aesni_has_support(unsigned what);
int __wrap_mbedtls_aesni_has_support(unsigned what);

static bool hides_instructions;

int __wrap_mbedtls_aesni_has_support(unsigned what) {
    return hides_instructions ? 0 : __real_mbedtls_aesni_has_support(what);
}

static size_t from_hex(uint8_t *bytes, const char *hex) {
    size_t len = strlen(hex) / 2;
    for (size_t i = 0; i < len; ++i) {
        unsigned byte;
        CHECK_EQ(sscanf(hex + 2 * i, "%2x", &byte), 1);
        bytes[i] = byte;
    }
    return len;
}

static void seed_with(const char *hex) {
    uint8_t seed[DRBG_SEED_MAX];
    drbg_seed(seed, from_hex(seed, hex));
}

static void generate(uint8_t *out, size_t len, const char *additional) {
    uint8_t bytes[DRBG_SEED_MAX];
    drbg_generate(out, len, bytes, from_hex(bytes, additional));
}

static void check_output(const char *expected, const char *additional) {
    uint8_t out[32], right[32];
    size_t len = from_hex(right, expected);
    generate(out, len, additional);
    CHECK(!memcmp(out, right, len));
}

/* NIST's examples, CTR_DRBG_withDF.pdf: AES-256, no prediction resistance. Entropy, nonce and personalization string
 * follow each other in the seed. */
#define NONCE_20 "202122232425262728292a2b2c2d2e2f"
#define BYTES_00 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f"
#define BYTES_40 "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f"
#define BYTES_60 "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f"
#define BYTES_A0 "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecf"

static void run_example(const char *seed, const char *first, const char *second, const char *expected) {
    uint8_t out[32];
    seed_with(seed);
    generate(out, sizeof(out), first);
    check_output(expected, second);
}

static void run_example_with_all(void) {
    run_example(BYTES_00 NONCE_20 BYTES_40, BYTES_60, BYTES_A0, "98a28e3b1ba363c9daf0f6887a1cf52b833d3354d77a7c10837dd63dd2e645f8");
}

/* NIST's validation suite, CTR_DRBG.rsp: AES-256 with df, no prediction resistance, entropy of 256 bits, nonce of 128,
 * personalization string and additional input of 256, number 0. */
static void run_validation(void) {
    uint8_t out[16];
    seed_with("a53e371017439193591e475087aaddd5c1c386cdca0ddb68e002d80fdc401a47"
        "a94da55afdc50ce51c9a3b8a4c448440"
        "8b52a24a93c34ea71e1ca705eb829ba65de4d4e07fa3d86b37845ff1c7d5f6d2");
    generate(out, sizeof(out), "20f422edf85ca16a01cfbe5f8d6c947fae12a857db2aa9bfc7b36581808d0d46");
    seed_with("dd40e5987b2716731568d276bf0c6715757903d3dede914642ddd467c879c81e"
        "7fd81fbd2ab51c115d834e99f65ca54020ed388ed59ee07593fe125e5d73fb75");
    check_output("4f78beb94d978ce9d097feadfafd355e", "cd2cff14693e4c9efdfe260de986004930bab1c65057772a62392c3b74ebc90d");
}

TEST(nists_example_comes_out) {
    run_example(BYTES_00 NONCE_20, "", "", "8da6cc59e703ced07d58d96e5b6d7836c32599735b734f88c1a73b53c7a6d82e");
}

TEST(nists_example_with_all_inputs_comes_out) {
    run_example_with_all();
}

TEST(nists_example_comes_out_without_instructions_for_aes) {
    hides_instructions = true;
    run_example_with_all();
}

TEST(what_nist_validates_by_comes_out_after_a_reseed) {
    run_validation();
}

TEST(what_nist_validates_by_comes_out_without_instructions_for_aes) {
    hides_instructions = true;
    run_validation();
}

TEST(as_much_as_can_be_is_taken_and_given) {
    static uint8_t seed[DRBG_SEED_MAX], out[DRBG_REQUEST_MAX + 1];
    drbg_seed(seed, sizeof(seed));
    drbg_generate(out, DRBG_REQUEST_MAX, seed, sizeof(seed));
    CHECK_EQ(out[DRBG_REQUEST_MAX], 0);
    drbg_seed(seed, sizeof(seed));
}
