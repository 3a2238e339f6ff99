/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A small set of physical address ranges: sorted, merged, never overlapping.
 * Pure data: no lock, no allocation, any context. */
#ifndef MICROPY_INCLUDED_KERNEL_PHYS_RANGES_H
#define MICROPY_INCLUDED_KERNEL_PHYS_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PHYS_RANGES_MAX 128

typedef struct _phys_range_t {
    uint64_t start; /* First byte. */
    uint64_t end;   /* Byte after the last one; above start. */
} phys_range_t;

/* The set holds memory that may be used. Where it has no room for another range, memory is
 * dropped from it, the smallest piece at hand, and `dropped` says so: a set never holds a
 * byte that was subtracted or not added. */
typedef struct _phys_ranges_t {
    uint32_t count;
    bool dropped;
    phys_range_t range[PHYS_RANGES_MAX];
} phys_ranges_t;

/* Makes the set empty. Touches nothing but its first bytes. */
void phys_ranges_clear(phys_ranges_t *set);

/* Adds [start, end), merged with what it overlaps or touches. Empty ranges add nothing. */
void phys_ranges_add(phys_ranges_t *set, uint64_t start, uint64_t end);

/* Takes [start, end) out, as far as it is in. */
void phys_ranges_subtract(phys_ranges_t *set, uint64_t start, uint64_t end);

/* Shrinks every range to whole units of `align` bytes, a power of two; drops what is
 * empty then. */
void phys_ranges_round_inwards(phys_ranges_t *set, uint64_t align);

/* Whether all of [start, end) is in. */
bool phys_ranges_contain(const phys_ranges_t *set, uint64_t start, uint64_t end);

/* The address below which the lowest `bytes` bytes of the set lie, UINT64_MAX where it has no more than
 * these. */
uint64_t phys_ranges_end_of(const phys_ranges_t *set, uint64_t bytes);

/* Bytes in the set. */
uint64_t phys_ranges_size(const phys_ranges_t *set);

#endif // MICROPY_INCLUDED_KERNEL_PHYS_RANGES_H
