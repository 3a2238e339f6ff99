/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Looks over a ROMFS, MicroPython's read-only filesystem, before MicroPython mounts it: its own
 * reader trusts what it reads, and the image comes from the host. The format is that of
 * extmod/vfs_rom.c: records of a kind, a length and a content, numbers in 7-bit groups, the
 * highest first.
 *
 * Beyond upstream's format: where the first record is of padding and holds "CRC32C" and four
 * bytes, those are the CRC-32C of all that follows it, least significant byte first. Upstream's
 * reader passes over it. Without that record only the structure is checked. Pure; any context. */
#ifndef MICROPY_INCLUDED_KERNEL_ROMFS_H
#define MICROPY_INCLUDED_KERNEL_ROMFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROMFS_DEPTH_MAX 32 /* Directories in directories. */

typedef enum _romfs_status_t {
    ROMFS_OK,
    ROMFS_NOT_ONE,      /* It does not begin as a ROMFS. */
    ROMFS_TRUNCATED,    /* It says to be longer than it is. */
    ROMFS_BAD_RECORD,   /* A record that passes the end of what it lies in, or has no kind. */
    ROMFS_BAD_NAME,     /* A name that is empty, no UTF-8, or has a slash or control character. */
    ROMFS_BAD_FILE,     /* A file without content, or with content elsewhere than in the image. */
    ROMFS_TOO_DEEP,     /* More than ROMFS_DEPTH_MAX directories in each other. */
    ROMFS_BAD_CHECKSUM, /* The content is not what was written. */
} romfs_status_t;

/* Checks the image of `size` bytes, readable and not changing; more may follow its end. */
romfs_status_t romfs_check(const void *image, size_t size);

/* Finds a file of the topmost directory of an image that is ROMFS_OK. Returns NULL, and stores
 * nothing, where there is none. */
const void *romfs_find(const void *image, size_t size, const char *name, size_t *len);

/* One line for people: what is wrong. */
const char *romfs_status_text(romfs_status_t status);

#endif // MICROPY_INCLUDED_KERNEL_ROMFS_H
