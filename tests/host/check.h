/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Unit tests in C. A file has TEST(name) { ... } blocks, each named after the rule that it
 * proves, and is a program: run with a name it runs that test. */
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

typedef struct _test_t {
    const char *name;
    void (*run)(void);
    struct _test_t *next;
} test_t;

static test_t *all_tests;

#define TEST(name) \
    static void name(void); \
    static test_t test_##name = { #name, name, NULL }; \
    __attribute__((constructor)) static void register_##name(void) { \
        test_##name.next = all_tests; \
        all_tests = &test_##name; \
    } \
    static void name(void)

int main(int argc, char **argv) {
    for (test_t *test = all_tests; argc == 2 && test != NULL; test = test->next) {
        if (strcmp(test->name, argv[1]) == 0) {
            test->run();
            return 0;
        }
    }
    fprintf(stderr, "usage: %s TEST\n", argv[0]);
    return 2;
}

#endif // MICROPY_INCLUDED_TESTS_HOST_CHECK_H
