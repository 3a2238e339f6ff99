/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Physical memory out of a file, for the probes and the fuzzers. See machines.py, which
 * writes such files:
 *     u8 flags, u64 entry address, then pieces: u64 address, u32 size, bytes
 * Nothing else is readable. Each view is a heap block of its own, of its exact size, so that
 * the address sanitizer sees the first byte read past its end. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_MEMORY_IMAGE_H
#define MICROPY_INCLUDED_TESTS_HOST_MEMORY_IMAGE_H

#include "tests/host/check.h"

/* The checksums of all pieces that are ACPI tables are made right before use, so that a
 * fuzzer gets past them. */
#define IMAGE_REPAIR_CHECKSUMS 1

typedef struct _view_t {
    struct _view_t *next;
    void *bytes;
} view_t;

typedef struct _image_t {
    uint8_t flags;
    uint64_t entry;
    const uint8_t *pieces;
    size_t pieces_size;
    bool keep_views; /* Else a view is gone when the next one is made. */
    view_t *views;
} image_t;

typedef struct _piece_t {
    uint64_t paddr;
    uint32_t size;
    const uint8_t *bytes;
} piece_t;

/* The piece at *offset, and moves on. A last piece that is cut short ends where the file does. */
static inline bool image_next_piece(const image_t *image, size_t *offset, piece_t *piece) {
    if (image->pieces_size - *offset < 12) {
        return false;
    }
    const uint8_t *at = image->pieces + *offset;
    memcpy(&piece->paddr, at, 8);
    memcpy(&piece->size, at + 8, 4);
    piece->bytes = at + 12;
    size_t left = image->pieces_size - *offset - 12;
    if (piece->size > left) {
        piece->size = left;
    }
    *offset += 12 + piece->size;
    return true;
}

static inline bool image_open(image_t *image, const uint8_t *file, size_t size) {
    memset(image, 0, sizeof(*image));
    if (size < 9) {
        return false;
    }
    image->flags = file[0];
    memcpy(&image->entry, file + 1, 8);
    image->pieces = file + 9;
    image->pieces_size = size - 9;
    return true;
}

static inline void image_drop_views(image_t *image) {
    while (image->views != NULL) {
        view_t *next = image->views->next;
        free(image->views->bytes);
        free(image->views);
        image->views = next;
    }
}

static inline void fix_sum(uint8_t *bytes, size_t len, size_t at) {
    uint8_t sum = 0;
    for (size_t i = 0; i < len; i++) {
        sum += bytes[i];
    }
    bytes[at] -= sum;
}

/* Makes the checksums of an RSDP or a table right, as far as its length lies in the piece. */
static inline void repair_checksums(uint8_t *bytes, size_t size) {
    uint32_t length;
    if (size >= 20 && memcmp(bytes, "RSD PTR ", 8) == 0) {
        fix_sum(bytes, 20, 8);
        if (size >= 36 && (memcpy(&length, bytes + 20, 4), length >= 36 && length <= size)) {
            fix_sum(bytes, length, 32);
        }
    } else if (size >= 36 && (memcpy(&length, bytes + 4, 4), length >= 36 && length <= size)) {
        fix_sum(bytes, length, 9);
    }
}

/* A phys_view_t and acpi_map_t. */
static inline const void *image_view(void *ctx, uint64_t paddr, size_t len) {
    image_t *image = ctx;
    if (!image->keep_views) {
        image_drop_views(image);
    }
    piece_t piece;
    for (size_t offset = 0; image_next_piece(image, &offset, &piece);) {
        if (paddr < piece.paddr || paddr - piece.paddr > piece.size || len > piece.size - (paddr - piece.paddr)) {
            continue;
        }
        uint8_t *copy = malloc(piece.size + 1);
        view_t *view = malloc(sizeof(*view));
        view->bytes = malloc(len);
        memcpy(copy, piece.bytes, piece.size);
        if (image->flags & IMAGE_REPAIR_CHECKSUMS) {
            repair_checksums(copy, piece.size);
        }
        memcpy(view->bytes, copy + (paddr - piece.paddr), len);
        free(copy);
        view->next = image->views;
        image->views = view;
        return view->bytes;
    }
    return NULL;
}

/* Reads a whole file. The caller frees it. */
static inline uint8_t *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    uint8_t *bytes = NULL;
    size_t capacity = 0;
    *size = 0;
    for (size_t n = 1; n > 0; *size += n) {
        capacity += 65536;
        bytes = realloc(bytes, capacity);
        CHECK(bytes != NULL);
        n = fread(bytes + *size, 1, capacity - *size, file);
    }
    fclose(file);
    return bytes;
}

#endif // MICROPY_INCLUDED_TESTS_HOST_MEMORY_IMAGE_H
