/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* How a thread's reads and writes become a device's requests, and how it waits for them. */
#ifndef MICROPY_INCLUDED_KERNEL_DISK_IO_H
#define MICROPY_INCLUDED_KERNEL_DISK_IO_H

#include "kernel/disk.h"

/* Reads or writes whole blocks at a byte of the disk. */
int disk_transfer(disk_t *disk, virtio_blk_type_t type, uint64_t at, void *buffer, size_t len);

/* The same in pieces, which are under way together: disk_end() waits for all, and returns the first error. What they are about
 * is the kernel's memory, and stays as it is until then. disk_begin(): NULL where memory is missing. Any thread may go on with it, one
 * at a time. */
typedef struct _disk_transfer_t disk_transfer_t;

disk_transfer_t *disk_begin(disk_t *disk);
void disk_add(disk_transfer_t *transfer, virtio_blk_type_t type, uint64_t at, void *buffer, size_t len);
int disk_end(disk_transfer_t *transfer);

/* A request without data of ours: FLUSH, or DISCARD and WRITE_ZEROES, as many as it takes. */
int disk_command(disk_t *disk, virtio_blk_type_t type, uint64_t at, uint64_t len);

/* Stores VIRTIO_BLK_ID_SIZE bytes in the kernel's memory. */
int disk_identify(disk_t *disk, char *id);

/* Has the disk reset, where it has been silent for too long. For kernel/disk_io.c: kernel/disk.c. */
void disk_is_late(disk_t *disk, uint32_t completions);

/* Has it reset, where it has lost requests while it did others, and `pending`, a word that is `seen` with them, has not
 * changed. For kernel/disk_io.c. */
void disk_has_lost(disk_t *disk, const uint32_t *pending, uint32_t seen);

/* How much it has done so far: changes as long as it does something. */
uint32_t disk_completions(const disk_t *disk);

/* Waits until nobody sees to the device. What is wrong with it then, or 0. */
int disk_await_recovery(disk_t *disk);

#endif // MICROPY_INCLUDED_KERNEL_DISK_IO_H
