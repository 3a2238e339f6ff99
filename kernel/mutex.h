/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A lock whose waiters sleep: a word anywhere in memory, all zero at first, that needs no end. Who unlocks
 * need not be who locked. Whoever comes first has it: one that was just woken may have to wait again. */
#ifndef MICROPY_INCLUDED_KERNEL_MUTEX_H
#define MICROPY_INCLUDED_KERNEL_MUTEX_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/wait.h"

typedef struct _mutex_t {
    uint32_t state; /* kernel/mutex.c */
} mutex_t;

/* Locks it if that is possible at once. Any context. */
bool mutex_try_lock(mutex_t *mutex);

/* Waits for it, until the monotonic clock reaches `deadline_ns` (WAIT_FOREVER: no limit). Returns whether it
 * is locked now. Thread context, no spin lock held. */
bool mutex_lock_until(mutex_t *mutex, uint64_t deadline_ns);

/* The same, and thread_interrupt() ends it. WAIT_WOKEN: it is locked; else WAIT_TIMEOUT or WAIT_INTERRUPTED. */
wait_result_t mutex_lock_interruptible(mutex_t *mutex, uint64_t deadline_ns);

static inline void mutex_lock(mutex_t *mutex) {
    mutex_lock_until(mutex, WAIT_FOREVER);
}

/* Unlocks it; one that waits goes on. Any context where it lies in the kernel's memory, else a thread of its
 * address space. It must be locked. */
void mutex_unlock(mutex_t *mutex);

#endif // MICROPY_INCLUDED_KERNEL_MUTEX_H
