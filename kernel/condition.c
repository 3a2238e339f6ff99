/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "kernel/condition.h"

bool condition_wait(condition_t *condition, mutex_t *mutex, uint64_t deadline_ns) {
    uint32_t signals = __atomic_load_n(&condition->signals, __ATOMIC_RELAXED);
    mutex_unlock(mutex);
    wait_result_t result = wait_on(&condition->signals, signals, deadline_ns);
    mutex_lock(mutex);
    return result != WAIT_TIMEOUT;
}

static void signal(condition_t *condition, uint32_t count) {
    __atomic_fetch_add(&condition->signals, 1, __ATOMIC_RELEASE);
    wait_wake(&condition->signals, count);
}

void condition_signal(condition_t *condition) {
    signal(condition, 1);
}

void condition_broadcast(condition_t *condition) {
    signal(condition, WAKE_ALL);
}
