/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "kernel/semaphore.h"

bool semaphore_try_take(semaphore_t *semaphore) {
    uint32_t count = __atomic_load_n(&semaphore->count, __ATOMIC_RELAXED);
    while (count) {
        if (__atomic_compare_exchange_n(&semaphore->count, &count, count - 1, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
            return true;
        }
    }
    return false;
}

bool semaphore_take_until(semaphore_t *semaphore, uint64_t deadline_ns) {
    while (!semaphore_try_take(semaphore)) {
        if (wait_on(&semaphore->count, 0, deadline_ns) == WAIT_TIMEOUT) {
            return semaphore_try_take(semaphore);
        }
    }
    return true;
}

void semaphore_give(semaphore_t *semaphore) {
    __atomic_fetch_add(&semaphore->count, 1, __ATOMIC_RELEASE);
    wait_wake(&semaphore->count, 1);
}
