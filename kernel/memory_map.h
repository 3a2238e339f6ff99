/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What lies where in memory, for people who look around. Thread context. */
#ifndef MICROPY_INCLUDED_KERNEL_MEMORY_MAP_H
#define MICROPY_INCLUDED_KERNEL_MEMORY_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/boot_info.h"

/* Entry `index` of the memory map that the VMM gave, unchecked. False behind the last one. */
bool memory_map_entry(uint32_t index, boot_memory_t *entry);

/* Physical memory that is in use for good and not the page allocator's. */
typedef struct _memory_use_t {
    uint64_t start, end;
    const char *name;
} memory_use_t;

/* Use `index`. False behind the last one. */
bool memory_map_use(uint32_t index, memory_use_t *use);

/* Pages of the current address space that follow each other and have the same rights. */
typedef struct _mapping_t {
    uint64_t start, end; /* Virtual. */
    uint64_t entry;      /* Of the first page: its address, and bits of boot/paging.h for the rights. */
    bool in_order;       /* Whether the physical pages follow each other too. */
    const char *name;    /* What lies there, or NULL. */
} mapping_t;

/* The first mapping at `from` or above. False where there is none. */
bool memory_map_next(uint64_t from, mapping_t *mapping);

#endif // MICROPY_INCLUDED_KERNEL_MEMORY_MAP_H
