/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Reads all of a ROMFS as extmod/vfs_rom.c reads it, which trusts every length: what
 * romfs_check() lets pass must do it no harm. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_ROMFS_WALK_H
#define MICROPY_INCLUDED_TESTS_HOST_ROMFS_WALK_H

#include "tests/host/check.h"

typedef struct _walk_t {
    const uint8_t *filesystem;
    unsigned files, directories;
    uint64_t sum; /* Of every byte of every name and file. */
} walk_t;

static inline uint64_t walk_number(const uint8_t **at) {
    uint64_t number = 0;
    uint8_t byte;
    do {
        byte = *(*at)++;
        number = number << 7 | (byte & 0x7f);
    } while (byte & 0x80);
    return number;
}

static inline void walk_bytes(walk_t *walk, const uint8_t *at, uint64_t len) {
    while (len--) {
        walk->sum += *at++;
    }
}

static inline void walk_file(walk_t *walk, const uint8_t *at, const uint8_t *end) {
    while (at < end) {
        uint64_t kind = walk_number(&at);
        uint64_t len = walk_number(&at);
        if (kind == 2) {
            walk_bytes(walk, at, len);
            return;
        }
        if (kind == 3) {
            uint64_t size = walk_number(&at);
            uint64_t offset = walk_number(&at);
            walk_bytes(walk, walk->filesystem + offset, size);
            return;
        }
        at += len;
    }
    CHECK(!"a file with content");
}

static inline void walk_directory(walk_t *walk, const uint8_t *at, const uint8_t *end) {
    while (at < end) {
        uint64_t kind = walk_number(&at);
        uint64_t len = walk_number(&at);
        const uint8_t *next = at + len;
        CHECK(kind != 0 && next <= end);
        if (kind == 4 || kind == 5) {
            uint64_t name_len = walk_number(&at);
            walk_bytes(walk, at, name_len);
            at += name_len;
            if (kind == 4) {
                walk->directories++;
                walk_directory(walk, at, next);
            } else {
                walk->files++;
                walk_file(walk, at, next);
            }
        }
        at = next;
    }
    CHECK(at == end);
}

static inline walk_t walk_image(const uint8_t *image) {
    const uint8_t *at = image + 3;
    uint64_t len = walk_number(&at);
    walk_t walk = { .filesystem = at };
    walk_directory(&walk, at, at + len);
    return walk;
}

#endif // MICROPY_INCLUDED_TESTS_HOST_ROMFS_WALK_H
