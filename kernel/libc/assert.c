/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/panic.h"

/* Appends what fits of `text` and returns the end; the buffer's last byte stays a NUL. */
static char *append(char *to, char *end, const char *text) {
    while (*text && to < end - 1) {
        *to++ = *text++;
    }
    return to;
}

_Noreturn void __assert_func(const char *file, int line, const char *function, const char *expression) {
    char number[12];
    char *digits = &number[sizeof(number) - 1];
    *digits = '\0';
    do {
        *--digits = '0' + line % 10;
        line /= 10;
    } while (line);

    char message[256];
    memset(message, 0, sizeof(message));
    char *end = message + sizeof(message);
    char *to = append(message, end, "assertion failed: ");
    to = append(to, end, expression);
    to = append(to, end, ", in ");
    to = append(to, end, function);
    to = append(to, end, "() at ");
    to = append(to, end, file);
    to = append(to, end, ":");
    append(to, end, digits);
    panic(message);
}

_Noreturn void abort(void) {
    panic("abort() called");
}
