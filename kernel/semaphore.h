/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A counting semaphore: { N } at first, needs no end. */
#ifndef MICROPY_INCLUDED_KERNEL_SEMAPHORE_H
#define MICROPY_INCLUDED_KERNEL_SEMAPHORE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/wait.h"

typedef struct _semaphore_t {
    uint32_t count;
} semaphore_t;

/* Takes one off the count, if there is one. Any context. */
bool semaphore_try_take(semaphore_t *semaphore);

/* Waits for one until the monotonic clock reaches `deadline_ns`. Returns whether it has taken it. Thread
 * context, no spin lock held. */
bool semaphore_take_until(semaphore_t *semaphore, uint64_t deadline_ns);

/* Adds one; never to more than UINT32_MAX. Any context where it lies in the kernel's memory, an interrupt's
 * too; else a thread of its address space. */
void semaphore_give(semaphore_t *semaphore);

#endif // MICROPY_INCLUDED_KERNEL_SEMAPHORE_H
