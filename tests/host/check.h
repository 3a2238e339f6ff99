/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Assertions that say where and what, and end the program. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_CHECK_H
#define MICROPY_INCLUDED_TESTS_HOST_CHECK_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
            abort(); \
        } \
    } while (0)

#define CHECK_EQ(actual, expected) \
    do { \
        uint64_t actual_ = (uint64_t)(actual); \
        uint64_t expected_ = (uint64_t)(expected); \
        if (actual_ != expected_) { \
            fprintf(stderr, "%s:%d: %s is 0x%" PRIx64 ", not %s = 0x%" PRIx64 "\n", \
                __FILE__, __LINE__, #actual, actual_, #expected, expected_); \
            abort(); \
        } \
    } while (0)

#define CHECK_TEXT(actual, expected) \
    do { \
        const char *actual_ = (actual); \
        if (strcmp(actual_, (expected)) != 0) { \
            fprintf(stderr, "%s:%d: %s is \"%s\", not \"%s\"\n", \
                __FILE__, __LINE__, #actual, actual_, (expected)); \
            abort(); \
        } \
    } while (0)

#endif // MICROPY_INCLUDED_TESTS_HOST_CHECK_H
