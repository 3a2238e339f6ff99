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

static wait_result_t lock(mutex_t *mutex, uint64_t deadline_ns, wait_result_t (*wait)(const uint32_t *, uint32_t, uint64_t)) {
    if (mutex_try_lock(mutex)) {
        return WAIT_WOKEN;
    }
    wait_result_t result = WAIT_WOKEN;
    while (__atomic_exchange_n(&mutex->state, CONTENDED, __ATOMIC_ACQUIRE) != FREE) {
        // Even then it may have become free at the last moment.
        if (result == WAIT_TIMEOUT || result == WAIT_INTERRUPTED) {
            return result;
        }
        result = wait(&mutex->state, CONTENDED, deadline_ns);
    }
    return WAIT_WOKEN;
}

bool mutex_lock_until(mutex_t *mutex, uint64_t deadline_ns) {
    return lock(mutex, deadline_ns, wait_on) == WAIT_WOKEN;
}

wait_result_t mutex_lock_interruptible(mutex_t *mutex, uint64_t deadline_ns) {
    return lock(mutex, deadline_ns, wait_on_interruptible);
}

void mutex_unlock(mutex_t *mutex) {
    uint32_t state = __atomic_exchange_n(&mutex->state, FREE, __ATOMIC_RELEASE);
    if (state == CONTENDED) {
        wait_wake(&mutex->state, 1);
    } else if (state == FREE) {
        panic("a mutex is unlocked that is not locked");
    }
}
