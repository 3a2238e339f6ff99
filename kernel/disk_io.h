/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* How a thread's reads and writes become a device's requests, and how it waits for them. */
#ifndef MICROPY_INCLUDED_KERNEL_DISK_IO_H
#define MICROPY_INCLUDED_KERNEL_DISK_IO_H

#include "kernel/disk.h"

/* Reads or writes whole blocks at a byte of the disk. */
int disk_transfer(disk_t *disk, virtio_blk_type_t type, uint64_t at, void *buffer, size_t len);

/* A request without data of ours: FLUSH, or DISCARD and WRITE_ZEROES, as many as it takes. */
int disk_command(disk_t *disk, virtio_blk_type_t type, uint64_t at, uint64_t len);

/* Stores VIRTIO_BLK_ID_SIZE bytes in the kernel's memory. */
int disk_identify(disk_t *disk, char *id);

/* Has the disk reset, where it has been silent for too long. For kernel/disk_io.c: kernel/disk.c. */
void disk_is_late(disk_t *disk, uint32_t completions);

/* How much it has done so far: changes as long as it does something. */
uint32_t disk_completions(const disk_t *disk);

/* Waits until nobody sees to the device. What is wrong with it then, or 0. */
int disk_await_recovery(disk_t *disk);

#endif // MICROPY_INCLUDED_KERNEL_DISK_IO_H
