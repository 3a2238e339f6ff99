/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The lock below every other: it spins, with interrupts off on this CPU.
 *
 * Code that holds one must not sleep, and must be short. Code that runs on a
 * demand-zero stack may fault while it holds a lock, so a lock that the page-fault
 * handler takes as well (the page allocator's, the address space's) is taken by
 * spin_lock_nofault(), which makes the stack below present first. */
#ifndef MICROPY_INCLUDED_BOOT_SPINLOCK_H
#define MICROPY_INCLUDED_BOOT_SPINLOCK_H

#include <stdint.h>

#include "boot/cpu.h"

typedef struct _spinlock_t {
    uint32_t held;
} spinlock_t;

#define SPINLOCK_INIT { 0 }

/* How much stack code under spin_lock_nofault() may use, in bytes; and under a lock inside of
 * which another such lock is taken. No more than a page: one probe has to reach it. */
#define NOFAULT_STACK 2048
#define NOFAULT_STACK_OUTER 4096

/* Takes the lock. Returns the flags that spin_unlock_irqrestore() wants back. */
static inline uint64_t spin_lock_irqsave(spinlock_t *lock) {
    uint64_t flags = interrupts_save_disable();
    while (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE)) {
        while (__atomic_load_n(&lock->held, __ATOMIC_RELAXED)) {
            cpu_relax();
        }
    }
    return flags;
}

/* Gives the lock back, and the interrupt flag its old value. */
static inline void spin_unlock_irqrestore(spinlock_t *lock, uint64_t flags) {
    __atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
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
