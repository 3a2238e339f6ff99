/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "kernel/phys_ranges.h"

void phys_ranges_clear(phys_ranges_t *set) {
    set->count = 0;
    set->dropped = false;
}

static void remove_at(phys_ranges_t *set, uint32_t index, uint32_t n) {
    for (uint32_t i = index; i + n < set->count; i++) {
        set->range[i] = set->range[i + n];
    }
    set->count -= n;
}

static uint64_t size_of(const phys_range_t *range) {
    return range->end - range->start;
}

/* Puts `range`, which overlaps and touches nothing, at `index`. In a full set the smallest
 * range, which may be the new one, gives way. */
static void insert_at(phys_ranges_t *set, uint32_t index, phys_range_t range) {
    if (set->count == PHYS_RANGES_MAX) {
        uint32_t smallest = 0;
        for (uint32_t i = 1; i < set->count; i++) {
            if (size_of(&set->range[i]) < size_of(&set->range[smallest])) {
                smallest = i;
            }
        }
        set->dropped = true;
        if (size_of(&range) <= size_of(&set->range[smallest])) {
            return;
        }
        remove_at(set, smallest, 1);
        if (smallest < index) {
            index--;
        }
    }
    for (uint32_t i = set->count; i > index; i--) {
        set->range[i] = set->range[i - 1];
    }
    set->range[index] = range;
    set->count++;
}

void phys_ranges_add(phys_ranges_t *set, uint64_t start, uint64_t end) {
    if (start >= end) {
        return;
    }
    /* [first, last) are the ranges that the new one overlaps or touches. */
    uint32_t first = 0;
    while (first < set->count && set->range[first].end < start) {
        first++;
    }
    uint32_t last = first;
    while (last < set->count && set->range[last].start <= end) {
        last++;
    }
    if (first == last) {
        insert_at(set, first, (phys_range_t) { start, end });
        return;
    }
    if (set->range[first].start < start) {
        start = set->range[first].start;
    }
    if (set->range[last - 1].end > end) {
        end = set->range[last - 1].end;
    }
    set->range[first] = (phys_range_t) { start, end };
    remove_at(set, first + 1, last - first - 1);
}

void phys_ranges_subtract(phys_ranges_t *set, uint64_t start, uint64_t end) {
    if (start >= end) {
        return;
    }
    uint32_t i = 0;
    while (i < set->count) {
        phys_range_t *range = &set->range[i];
        if (range->end <= start || range->start >= end) {
            i++;
        } else if (range->start >= start && range->end <= end) {
            remove_at(set, i, 1);
        } else if (range->start < start && range->end > end) {
            /* The piece above comes second; insert_at() may move or drop it or another,
             * but no other range overlaps what is subtracted. */
            phys_range_t above = { end, range->end };
            range->end = start;
            insert_at(set, i + 1, above);
            return;
        } else if (range->start < start) {
            range->end = start;
            i++;
        } else {
            range->start = end;
            i++;
        }
    }
}

void phys_ranges_round_inwards(phys_ranges_t *set, uint64_t align) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        uint64_t start = (set->range[i].start + align - 1) & ~(align - 1);
        uint64_t end = set->range[i].end & ~(align - 1);
        /* A start that wrapped to 0 lies in the last unit: nothing is left there. */
        if (start >= set->range[i].start && start < end) {
            set->range[kept++] = (phys_range_t) { start, end };
        }
    }
    set->count = kept;
}

bool phys_ranges_contain(const phys_ranges_t *set, uint64_t start, uint64_t end) {
    for (uint32_t i = 0; i < set->count; ++i) {
        if (start >= set->range[i].start && end <= set->range[i].end) {
            return true;
        }
    }
    return false;
}

uint64_t phys_ranges_end_of(const phys_ranges_t *set, uint64_t bytes) {
    for (uint32_t i = 0; i < set->count; i++) {
        if (size_of(&set->range[i]) > bytes) {
            return set->range[i].start + bytes;
        }
        bytes -= size_of(&set->range[i]);
    }
    return UINT64_MAX;
}

uint64_t phys_ranges_size(const phys_ranges_t *set) {
    uint64_t size = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        size += size_of(&set->range[i]);
    }
    return size;
}
