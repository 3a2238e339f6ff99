/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "kernel/mutex.h"
#include "kernel/panic.h"

/* Ulrich Drepper, "Futexes Are Tricky", mutex 2. */
enum {
    FREE,
    LOCKED,
    CONTENDED, // Locked, and somebody may be waiting.
};

bool mutex_try_lock(mutex_t *mutex) {
    uint32_t state = FREE;
    return __atomic_compare_exchange_n(&mutex->state, &state, LOCKED, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

bool mutex_lock_until(mutex_t *mutex, uint64_t deadline_ns) {
    if (mutex_try_lock(mutex)) {
        return true;
    }
    while (__atomic_exchange_n(&mutex->state, CONTENDED, __ATOMIC_ACQUIRE) != FREE) {
        if (wait_on(&mutex->state, CONTENDED, deadline_ns) == WAIT_TIMEOUT) {
            // It may have become free at the last moment.
            return __atomic_exchange_n(&mutex->state, CONTENDED, __ATOMIC_ACQUIRE) == FREE;
        }
    }
    return true;
}

void mutex_unlock(mutex_t *mutex) {
    uint32_t state = __atomic_exchange_n(&mutex->state, FREE, __ATOMIC_RELEASE);
    if (state == CONTENDED) {
        wait_wake(&mutex->state, 1);
    } else if (state == FREE) {
        panic("a mutex is unlocked that is not locked");
    }
}
