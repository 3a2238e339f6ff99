/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The lock below every other: it spins, with interrupts off on this CPU. Which may be taken while which is
 * held: boot/lock_order.h.
 *
 * Code that holds one must not sleep, and must be short. Code that runs on a
 * demand-zero stack may fault while it holds a lock, so a lock that the page-fault
 * handler takes as well (the page allocator's, the address space's) is taken by
 * spin_lock_nofault(), which makes the stack below present first. */
#ifndef MICROPY_INCLUDED_BOOT_SPINLOCK_H
#define MICROPY_INCLUDED_BOOT_SPINLOCK_H

#include <stdint.h>

#include "boot/cpu.h"
#include "boot/lock_order.h"

typedef struct _spinlock_t {
    uint32_t held;
    #ifdef KERNEL_DEBUG
    uint32_t rank; /* lock_rank_t */
    #endif
} spinlock_t;

/* How much stack code under spin_lock_nofault() may use, in bytes; and under a lock inside of
 * which another such lock is taken. No more than a page: one probe has to reach it. */
#define NOFAULT_STACK 2048
#define NOFAULT_STACK_OUTER 4096

/* A lock is born by SPINLOCK_INIT(rank), or in zeroed memory by spin_init(), free. */
#ifdef KERNEL_DEBUG

#define SPINLOCK_INIT(rank_) { 0, rank_ }

static inline void spin_init(spinlock_t *lock, lock_rank_t rank) {
    lock->rank = rank;
}

/* boot/lock_check.c: the rules that a debug build checks, and what it then calls (with what is wrong, for
 * people), which the kernel supplies. */
void spin_check_taken(const spinlock_t *lock);
void spin_check_released(const spinlock_t *lock);
_Noreturn void spin_misuse(const char *what);

#else

#define SPINLOCK_INIT(rank) { 0 }

static inline void spin_init(spinlock_t *lock, lock_rank_t rank) {
    (void)lock;
    (void)rank;
}

static inline void spin_check_taken(const spinlock_t *lock) {
    (void)lock;
}

static inline void spin_check_released(const spinlock_t *lock) {
    (void)lock;
}

#endif

/* Takes the lock. Interrupts are off. */
static inline void spin_lock(spinlock_t *lock) {
    spin_check_taken(lock);
    while (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE)) {
        while (__atomic_load_n(&lock->held, __ATOMIC_RELAXED)) {
            cpu_relax();
        }
    }
}

/* Gives the lock back. Interrupts stay off. */
static inline void spin_unlock(spinlock_t *lock) {
    spin_check_released(lock);
    __atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
}

/* Takes the lock. Returns the flags that spin_unlock_irqrestore() wants back. */
static inline uint64_t spin_lock_irqsave(spinlock_t *lock) {
    uint64_t flags = interrupts_save_disable();
    spin_lock(lock);
    return flags;
}

/* Gives the lock back, and the interrupt flag its old value. */
static inline void spin_unlock_irqrestore(spinlock_t *lock, uint64_t flags) {
    spin_unlock(lock);
    interrupts_restore(flags);
}

/* Takes a lock that the page-fault handler takes too. */
static inline uint64_t spin_lock_nofault(spinlock_t *lock) {
    (void)*((volatile uint8_t *)__builtin_frame_address(0) - NOFAULT_STACK);
    return spin_lock_irqsave(lock);
}

/* The same, where code under the lock calls spin_lock_nofault(). */
static inline uint64_t spin_lock_nofault_outer(spinlock_t *lock) {
    (void)*((volatile uint8_t *)__builtin_frame_address(0) - NOFAULT_STACK_OUTER);
    return spin_lock_irqsave(lock);
}

#endif // MICROPY_INCLUDED_BOOT_SPINLOCK_H
