/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Unit tests in C. A file has TEST(name) { ... } blocks, each named after the rule that it
 * proves, and is a program: run with a name it runs that test. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_UNIT_H
#define MICROPY_INCLUDED_TESTS_HOST_UNIT_H

#include "tests/host/check.h"

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

#endif // MICROPY_INCLUDED_TESTS_HOST_UNIT_H
