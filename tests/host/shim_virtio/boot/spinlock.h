/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The kernel's spin lock on the one CPU of tests/host/virtio/machine.h: the same interface, its rules checked, and no
 * interrupt while it is held. */
#ifndef MICROPY_INCLUDED_BOOT_SPINLOCK_H
#define MICROPY_INCLUDED_BOOT_SPINLOCK_H

#include <stdint.h>

#include "boot/cpu.h"
#include "boot/lock_order.h"

typedef struct _spinlock_t {
    uint32_t held;
    uint32_t rank; /* lock_rank_t */
} spinlock_t;

#define SPINLOCK_INIT(rank_) { 0, rank_ }

static inline void spin_init(spinlock_t *lock, lock_rank_t rank) {
    lock->rank = rank;
}

uint64_t spin_lock_irqsave(spinlock_t *lock);
void spin_unlock_irqrestore(spinlock_t *lock, uint64_t flags);

#endif // MICROPY_INCLUDED_BOOT_SPINLOCK_H
