/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The kernel's spin lock for host threads: the same interface, no interrupts, and the rules
 * of boot/spinlock.h checked: no lock is taken twice by one thread, none is given back that
 * is not held, and spin_lock_nofault(), which may fault, is called with no lock held. */
#ifndef MICROPY_INCLUDED_BOOT_SPINLOCK_H
#define MICROPY_INCLUDED_BOOT_SPINLOCK_H

#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define SPINLOCK_INIT(rank) { 0 }
#define spin_init(lock, rank) ((void)(lock))
#define SPINLOCK_DEPTH_MAX 4

typedef struct _spinlock_t {
    uint32_t held;
} spinlock_t;

/* The locks that this thread holds. */
static _Thread_local struct {
    unsigned depth;
    const spinlock_t *lock[SPINLOCK_DEPTH_MAX];
} spinlocks_held;

static inline void spinlock_rule(int holds, const char *rule) {
    if (!holds) {
        fprintf(stderr, "spin lock rule broken: %s\n", rule);
        abort();
    }
}

static inline uint64_t spin_lock_irqsave(spinlock_t *lock) {
    for (unsigned i = 0; i < spinlocks_held.depth; i++) {
        spinlock_rule(spinlocks_held.lock[i] != lock, "taken twice");
    }
    spinlock_rule(spinlocks_held.depth < SPINLOCK_DEPTH_MAX, "too many held");
    while (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE)) {
        sched_yield();
    }
    spinlocks_held.lock[spinlocks_held.depth++] = lock;
    return spinlocks_held.depth;
}

static inline void spin_unlock_irqrestore(spinlock_t *lock, uint64_t flags) {
    spinlock_rule(flags == spinlocks_held.depth && spinlocks_held.lock[flags - 1] == lock,
        "given back in another order than taken");
    spinlocks_held.depth--;
    __atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
}

static inline uint64_t spin_lock_nofault(spinlock_t *lock) {
    spinlock_rule(spinlocks_held.depth == 0, "spin_lock_nofault() with a lock held");
    return spin_lock_irqsave(lock);
}

#endif // MICROPY_INCLUDED_BOOT_SPINLOCK_H
