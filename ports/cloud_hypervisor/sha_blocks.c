/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <stdbool.h>
#include <string.h>

#include <immintrin.h>

#include "boot/cpu_features.h"
#include "sha_blocks.h"

#define WITH_SHA __attribute__((target("sha,sse4.1")))

// CPUs that have the instructions have SSE4.1 too, which goes with them here.
static bool has_instructions(void) {
    return cpu_features.leaf7_ebx & CPUID_7_EBX_SHA;
}

static uint32_t big_endian(const uint8_t *at) {
    uint32_t word;
    memcpy(&word, at, sizeof(word));
    return __builtin_bswap32(word);
}

static uint32_t rotate_left(uint32_t word, unsigned bits) {
    return word << bits | word >> (32 - bits);
}

static uint32_t rotate_right(uint32_t word, unsigned bits) {
    return rotate_left(word, 32 - bits);
}

// FIPS 180-4, 4.1.1 and 4.1.2.
static uint32_t choose(uint32_t x, uint32_t y, uint32_t z) {
    return z ^ (x & (y ^ z));
}

static uint32_t majority(uint32_t x, uint32_t y, uint32_t z) {
    return (x & y) | (z & (x | y));
}

// SHA-1.

static void sha1_in_c(uint32_t state[5], const uint8_t block[64]) {
    static const uint32_t constants[] = { 0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6 };
    uint32_t w[80], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (unsigned t = 0; t < 80; ++t) {
        w[t] = t < 16 ? big_endian(block + 4 * t) : rotate_left(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
        uint32_t mixed = t < 20 ? choose(b, c, d) : t >= 40 && t < 60 ? majority(b, c, d) : b ^ c ^ d;
        uint32_t next = rotate_left(a, 5) + mixed + e + constants[t / 20] + w[t];
        e = d;
        d = c;
        c = rotate_left(b, 30);
        b = a;
        a = next;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
}

typedef struct _sha1_run_t {
    __m128i abcd, before; // `before`: four rounds ago; of its A the next E is made.
    __m128i w[4];         // The last 16 words of the schedule.
} sha1_run_t;

WITH_SHA static inline __m128i sha1_schedule(sha1_run_t *run, const uint8_t *block, unsigned group) {
    __m128i next;
    if (group < 4) {
        next = _mm_loadu_si128((const __m128i *)block + group);
        next = _mm_shuffle_epi8(next, _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f));
    } else {
        next = _mm_xor_si128(_mm_sha1msg1_epu32(run->w[0], run->w[1]), run->w[2]);
        next = _mm_sha1msg2_epu32(next, run->w[3]);
    }
    run->w[0] = run->w[1];
    run->w[1] = run->w[2];
    run->w[2] = run->w[3];
    return run->w[3] = next;
}

// Twenty rounds, whose function is the instruction's operand.
#define SHA1_ROUNDS(run, block, function) do { \
        for (unsigned group = 5 * (function); group < 5 * (function) + 5; ++group) { \
            __m128i words = sha1_schedule(&(run), block, group); \
            __m128i e = group ? _mm_sha1nexte_epu32((run).before, words) : _mm_add_epi32((run).before, words); \
            (run).before = (run).abcd; \
            (run).abcd = _mm_sha1rnds4_epu32((run).abcd, e, function); \
        } \
} while (0)

WITH_SHA static void sha1_by_instructions(uint32_t state[5], const uint8_t block[64]) {
    __m128i start = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0x1b);
    __m128i start_e = _mm_set_epi32(state[4], 0, 0, 0);
    sha1_run_t run = { .abcd = start, .before = start_e };
    SHA1_ROUNDS(run, block, 0);
    SHA1_ROUNDS(run, block, 1);
    SHA1_ROUNDS(run, block, 2);
    SHA1_ROUNDS(run, block, 3);
    __m128i end_e = _mm_sha1nexte_epu32(run.before, start_e);
    _mm_storeu_si128((__m128i *)state, _mm_shuffle_epi32(_mm_add_epi32(run.abcd, start), 0x1b));
    state[4] = _mm_extract_epi32(end_e, 3);
}

void sha1_block(uint32_t state[5], const uint8_t block[64]) {
    (has_instructions() ? sha1_by_instructions : sha1_in_c)(state, block);
}

// SHA-256.

static const uint32_t sha256_constants[64] __attribute__((aligned(16))) = { // FIPS 180-4, 4.2.2.
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static void sha256_in_c(uint32_t state[8], const uint8_t block[64]) {
    uint32_t w[64], now[8];
    memcpy(now, state, sizeof(now));
    for (unsigned t = 0; t < 64; ++t) {
        if (t < 16) {
            w[t] = big_endian(block + 4 * t);
        } else {
            uint32_t far = w[t - 15], near = w[t - 2];
            uint32_t sigma0 = rotate_right(far, 7) ^ rotate_right(far, 18) ^ far >> 3;
            uint32_t sigma1 = rotate_right(near, 17) ^ rotate_right(near, 19) ^ near >> 10;
            w[t] = sigma1 + w[t - 7] + sigma0 + w[t - 16];
        }
        uint32_t a = now[0], e = now[4];
        uint32_t sum1 = rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25);
        uint32_t sum0 = rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22);
        uint32_t first = now[7] + sum1 + choose(e, now[5], now[6]) + sha256_constants[t] + w[t];
        uint32_t second = sum0 + majority(a, now[1], now[2]);
        memmove(now + 1, now, 7 * sizeof(now[0]));
        now[4] += first;
        now[0] = first + second;
    }
    for (unsigned i = 0; i < 8; ++i) {
        state[i] += now[i];
    }
}

// The instructions want A, B, E, F in one register and C, D, G, H in the other one.
WITH_SHA static void sha256_by_instructions(uint32_t state[8], const uint8_t block[64]) {
    __m128i dcba = _mm_loadu_si128((const __m128i *)state), hgfe = _mm_loadu_si128((const __m128i *)(state + 4));
    __m128i cdab = _mm_shuffle_epi32(dcba, 0xb1), efgh = _mm_shuffle_epi32(hgfe, 0x1b);
    __m128i start_abef = _mm_alignr_epi8(cdab, efgh, 8), start_cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
    __m128i abef = start_abef, cdgh = start_cdgh;
    __m128i w0 = { 0 }, w1 = { 0 }, w2 = { 0 }, w3 = { 0 }; // The last 16 words of the schedule.
    for (unsigned group = 0; group < 16; ++group) {
        __m128i next;
        if (group < 4) {
            next = _mm_loadu_si128((const __m128i *)block + group);
            next = _mm_shuffle_epi8(next, _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
        } else {
            next = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4));
            next = _mm_sha256msg2_epu32(next, w3);
        }
        __m128i words = _mm_add_epi32(next, _mm_load_si128((const __m128i *)sha256_constants + group));
        cdgh = _mm_sha256rnds2_epu32(cdgh, abef, words);
        abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(words, 0x0e));
        w0 = w1;
        w1 = w2;
        w2 = w3;
        w3 = next;
    }
    __m128i feba = _mm_shuffle_epi32(_mm_add_epi32(abef, start_abef), 0x1b);
    __m128i dchg = _mm_shuffle_epi32(_mm_add_epi32(cdgh, start_cdgh), 0xb1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

void sha256_block(uint32_t state[8], const uint8_t block[64]) {
    (has_instructions() ? sha256_by_instructions : sha256_in_c)(state, block);
}
