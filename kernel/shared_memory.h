/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Memory that all interpreters reach at one address: demand-zero, as theirs is. Thread context. */
#ifndef MICROPY_INCLUDED_KERNEL_SHARED_MEMORY_H
#define MICROPY_INCLUDED_KERNEL_SHARED_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "kernel/kobject.h"

typedef struct _shared_memory_t {
    kobject_t object;
    void *start;
    size_t size; /* As was asked for. */
} shared_memory_t;

/* `size` bytes, zeroed, which the caller holds. NULL where memory is missing. */
shared_memory_t *shared_memory_new(size_t size);

/* Whether the object is one. */
bool shared_memory_is(const kobject_t *object);

/* Serves a page fault, as address_space_fault(). */
bool shared_memory_fault(uintptr_t address);

#endif // MICROPY_INCLUDED_KERNEL_SHARED_MEMORY_H
