/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A condition variable: all zero at first, needs no end. As everywhere, a wait may end without the
 * condition being true: look again. */
#ifndef MICROPY_INCLUDED_KERNEL_CONDITION_H
#define MICROPY_INCLUDED_KERNEL_CONDITION_H

#include "kernel/mutex.h"

typedef struct _condition_t {
    uint32_t signals;
} condition_t;

/* Unlocks the mutex, waits for a signal until the monotonic clock reaches `deadline_ns`, and locks the mutex
 * again, however long that takes. Returns false where the time was up. Thread context, no spin lock held. */
bool condition_wait(condition_t *condition, mutex_t *mutex, uint64_t deadline_ns);

/* Has one that waits go on, or all. What they wait for is changed with the mutex locked; it need not be
 * locked here. Context as mutex_unlock(). */
void condition_signal(condition_t *condition);
void condition_broadcast(condition_t *condition);

#endif // MICROPY_INCLUDED_KERNEL_CONDITION_H
