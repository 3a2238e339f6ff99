/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The generator that random bytes come from: NIST SP 800-90A's CTR_DRBG of AES-256 with the derivation function, as
 * Mbed TLS has it. There is one, without a lock: its user is kernel/random.c.
 *
 * In thread context only: it uses vector registers, as AES-NI does, and an interrupt does not save those of what it
 * has interrupted. To a thread that calls it they are what any function may change (System V ABI, 3.2.1); what
 * takes the thread off its CPU in the middle of it saves them. */
#ifndef MICROPY_INCLUDED_KERNEL_DRBG_H
#define MICROPY_INCLUDED_KERNEL_DRBG_H

#include <stdbool.h>
#include <stddef.h>

#define DRBG_SEED_MAX 256      /* Bytes. */
#define DRBG_REQUEST_MAX 1024

/* Instantiates the generator; later on reseeds it, of which its state is not worse whatever the seed. `len`:
 * DRBG_SEED_MAX at most. How much of the seed nobody can know is the caller's matter. */
void drbg_seed(const void *seed, size_t len);

/* Gives `len` bytes, DRBG_REQUEST_MAX at most; `additional` of DRBG_SEED_MAX at most goes into its state first. The
 * state that they were made of is gone afterwards. Only once it is seeded. */
void drbg_generate(void *out, size_t len, const void *additional, size_t additional_len);

#endif // MICROPY_INCLUDED_KERNEL_DRBG_H
