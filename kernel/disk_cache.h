/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A buffer cache for a part of a disk that is claimed, so that nobody else writes there. A request costs a disk about the same
 * whatever its size, and filesystems make small ones: what is read is read by whole buffers and, where it goes on from what
 * was read before, far ahead; what is written is gathered as long as it goes on where it ended, and then sent. Nothing
 * overtakes: what is written elsewhere waits until the disk has what came before, so that the disk sees the order of the writes,
 * but within what was gathered. docs/disks.md says what that means to a power cut.
 *
 * A write that fails stays, and is tried again with each write that does not go on with it and each disk_cache_settle(): they fail
 * until it succeeds.
 *
 * Functions return 0 or a disk_error_t. Addresses are bytes of the disk, in the part. Thread context. */
#ifndef MICROPY_INCLUDED_KERNEL_DISK_CACHE_H
#define MICROPY_INCLUDED_KERNEL_DISK_CACHE_H

#include "kernel/disk.h"

typedef struct _disk_cache_t disk_cache_t;

/* One that is closed. NULL where memory is missing. */
disk_cache_t *disk_cache_new(disk_part_t *part);

/* Closes it. */
void disk_cache_free(disk_cache_t *cache);

/* From here on it is used: before, and after it was closed, all goes straight to the disk. */
void disk_cache_open(disk_cache_t *cache);

/* Sends what is gathered, and gives back the memory. What could not be written is lost. */
int disk_cache_close(disk_cache_t *cache);

/* Bytes, any. */
int disk_cache_read(disk_cache_t *cache, uint64_t at, void *buffer, size_t len);

/* Whole blocks. */
int disk_cache_write(disk_cache_t *cache, uint64_t at, const void *buffer, size_t len);

/* Has the disk have what was written; it may have a cache of its own. */
int disk_cache_settle(disk_cache_t *cache);

/* DISCARD or WRITE_ZEROES of whole blocks. */
int disk_cache_command(disk_cache_t *cache, virtio_blk_type_t type, uint64_t at, uint64_t len);

#endif // MICROPY_INCLUDED_KERNEL_DISK_CACHE_H
