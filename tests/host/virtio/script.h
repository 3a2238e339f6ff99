/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A string of bytes, random or a fuzzer's, that says what happens. Behind its end all is 0. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_VIRTIO_SCRIPT_H
#define MICROPY_INCLUDED_TESTS_HOST_VIRTIO_SCRIPT_H

#include <stddef.h>
#include <stdint.h>

static struct {
    const uint8_t *at;
    size_t left;
} script;

static inline uint8_t script_byte(void) {
    if (!script.left) {
        return 0;
    }
    --script.left;
    return *script.at++;
}

static inline uint32_t script_number(unsigned bytes) {
    uint32_t number = 0;
    while (bytes--) {
        number = number << 8 | script_byte();
    }
    return number;
}

#endif // MICROPY_INCLUDED_TESTS_HOST_VIRTIO_SCRIPT_H
