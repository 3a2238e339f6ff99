/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* An interpreter's memory as devices see it. */
#ifndef MICROPY_INCLUDED_KERNEL_DMA_H
#define MICROPY_INCLUDED_KERNEL_DMA_H

#include <stdbool.h>
#include <stddef.h>

#include "drivers/virtqueue.h"

/* Describes the first bytes of `buffer`, which may lie anywhere in the current address space, by at most `count_max`
 * segments of at most `len_max` bytes; they are made present. `writes`: the device will write there. Stores how many
 * bytes that are, and returns how many segments; 0 where the first byte is no RAM, or not to be written. Thread context. */
unsigned dma_describe(const void *buffer, size_t size, bool writes, dma_segment_t *segments, unsigned count_max,
    uint32_t len_max, size_t *described);

#endif // MICROPY_INCLUDED_KERNEL_DMA_H
