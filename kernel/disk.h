/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Disks: block devices that threads of all interpreters read and write, each asleep until it is done. A part of one is
 * what a user has of it, the whole of it perhaps. Functions return 0 or what went wrong, a disk_error_t. Thread context,
 * but for disk_release(). */
#ifndef MICROPY_INCLUDED_KERNEL_DISK_H
#define MICROPY_INCLUDED_KERNEL_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "drivers/virtio_blk.h"
#include "kernel/kobject.h"
#include "kernel/mutex.h"

/* Numbers as in py/mperrno.h. */
typedef enum _disk_error_t {
    DISK_EIO = 5,         /* The device failed, or was reset meanwhile. */
    DISK_ENOMEM = 12,
    DISK_EFAULT = 14,     /* The buffer is no memory that a device can be given. */
    DISK_EBUSY = 16,      /* Somebody else has claimed it. */
    DISK_ENODEV = 19,     /* It was taken out. */
    DISK_EINVAL = 22,     /* Not all of it is there, or not whole blocks. */
    DISK_EROFS = 30,
    DISK_EOPNOTSUPP = 95,
    DISK_ETIMEDOUT = 110,
} disk_error_t;

/* Kernel memory. It is there as long as somebody holds it, the device perhaps no more. */
typedef struct _disk_t {
    kobject_t object;
    struct _disk_t *next;      /* In order of `index`. */
    unsigned index;            /* The lowest one that was free when it came. */
    char name[16];             /* "disk0" */
    virtio_blk_t blk;
    uint32_t events;           /* What is to be seen to: kernel/disk.c. Set in any context. */
    const char *problem;       /* Why it is stopped for good; NULL: it is not. */
    uint32_t queuing;          /* How many threads wait for room in a queue. */
    int gone_error;            /* What requests end with that a reset has ended. */
    mutex_t recovery;          /* One that sees to the device. */
    spinlock_t lock;           /* Of the list of: */
    struct _disk_part_t *claims;
} disk_t;

/* Kernel memory. */
typedef struct _disk_part_t {
    kobject_t object;
    disk_t *disk;              /* Held. */
    uint64_t start, size;      /* Bytes; whole blocks. */
    bool readonly;
    struct _disk_cache_t *cache; /* Used while it is claimed. NULL: there is none. */
    uint32_t claims;           /* How often it is claimed; it is in the disk's list then. */
    bool claims_writing;       /* And not only to read: once. */
    struct _disk_part_t *next;
} disk_part_t;

/* Reads the settings of disks. Once, before the first one is attached. */
void disks_init(void);

/* Starts the block device that the function is, unless it is there already. Says on the console what is wrong where it cannot be used. */
void disk_attach(const pci_function_t *function);

/* The device of a slot is taken out: what is asked of it fails from now on. Afterwards nothing of ours touches it. */
void disk_detach(uint16_t segment, uint8_t slot);

/* The disk of that index, or the next one above; held. NULL: there is none. */
disk_t *disk_find_from(unsigned index);

void disk_release(disk_t *disk);

/* Sees to what devices have said. */
void disks_check(void);

/* Their interrupts go to the CPUs that there are now. */
void disks_steer(void);

/* What was written is on the disks, as far as they say so. Before the machine stops. */
void disks_flush(void);

/* Whether it is there, and works. */
bool disk_is_there(const disk_t *disk);

/* Bytes. May change when the VMM resizes it. */
uint64_t disk_size(const disk_t *disk);

/* What the VMM calls it: printable ASCII, '?' for what is not; at most VIRTIO_BLK_ID_SIZE bytes and a NUL. */
int disk_serial(disk_t *disk, char *out);

/* The part from `start` on, of `size` bytes or to the disk's end (UINT64_MAX). Takes over what the caller holds of the disk.
 * NULL where memory is missing; the caller holds on then. */
disk_part_t *disk_part_new(disk_t *disk, uint64_t start, uint64_t size, bool readonly);

/* Bytes that it has now. */
uint64_t disk_part_size(const disk_part_t *part);

/* `len` bytes at `offset` of the part, any; what is not whole blocks takes longer. `buffer` may lie anywhere. */
int disk_part_read(disk_part_t *part, uint64_t offset, void *buffer, size_t len);
int disk_part_write(disk_part_t *part, uint64_t offset, const void *buffer, size_t len);

/* What was written before, anywhere on the disk, is on it when it returns. */
int disk_part_flush(disk_part_t *part);

/* Whole blocks: their content is not wanted any more, and is anything; or is to be zeros. */
int disk_part_discard(disk_part_t *part, uint64_t offset, uint64_t len);
int disk_part_write_zeroes(disk_part_t *part, uint64_t offset, uint64_t len);

/* From now on nobody else writes there, nor claims it, but that readers claim it together. DISK_EBUSY where somebody has.
 * To be given back as often. While it is claimed, what is written is gathered: it is with the disk at the next disk_part_flush(),
 * and what went wrong is told by then. At the end disk_part_unclaim() tells. */
int disk_part_claim(disk_part_t *part, bool writing);
int disk_part_unclaim(disk_part_t *part);

/* Has the device have what is gathered of any part of it. What is wrong is told, and stays to be written. */
int disk_settle(disk_t *disk);

#endif // MICROPY_INCLUDED_KERNEL_DISK_H
