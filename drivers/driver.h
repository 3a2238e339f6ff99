/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What the kernel supplies to the drivers of PCI devices: memory that a device reaches, its registers, time. */
#ifndef MICROPY_INCLUDED_DRIVERS_DRIVER_H
#define MICROPY_INCLUDED_DRIVERS_DRIVER_H

#include <stddef.h>
#include <stdint.h>

#include "drivers/mmio.h"

/* `size` bytes of zeros, from a page's start on, in one physical piece, that interrupts may touch in any address
 * space. NULL where memory is missing. Thread context. */
void *driver_alloc(size_t size);

/* Gives them back. No device knows them any more. Thread context. */
void driver_free(void *memory, size_t size);

/* By what address a device reaches the kernel's memory. Any context. */
uint64_t driver_address(const void *memory);

/* `len` bytes of registers at a physical address, for good; the same ones are mapped once. NULL where that is RAM, or the
 * interrupt controllers', or no address, or memory for page tables is missing. Thread context. */
mmio_t driver_map(uint64_t paddr, size_t len);

/* Nanoseconds since the boot. Any context. */
uint64_t driver_now_ns(void);

#endif // MICROPY_INCLUDED_DRIVERS_DRIVER_H
