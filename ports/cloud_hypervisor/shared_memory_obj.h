/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Memoryviews of memory that interpreters share (kernel/shared_memory.h). With the GIL. */
#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_SHARED_MEMORY_OBJ_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_SHARED_MEMORY_OBJ_H

#include "py/obj.h"

#include "kernel/shared_memory.h"

// shared_memory(size): a memoryview of zeroed bytes.
MP_DECLARE_CONST_FUN_OBJ_1(shared_memory_obj);

// What the memoryview points to, or NULL where that is nothing shared.
shared_memory_t *shared_memory_of(mp_obj_t view);

// A memoryview of memory that its giver holds on; the other arguments are a mp_obj_array_t's. ValueError where
// they name elements that are not the memory's.
mp_obj_t shared_memory_view(shared_memory_t *memory, byte typecode, size_t offset, size_t len);

// After a collection: gives back what no memoryview points to any more.
void shared_memory_after_collection(void);

// Gives back all of it. No memoryview is used any more.
void shared_memory_deinit(void);

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_SHARED_MEMORY_OBJ_H
