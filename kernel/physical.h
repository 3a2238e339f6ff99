/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* One access to physical memory, for people who look around: RAM as all others see it, everything
 * else as device registers. Thread context. */
#ifndef MICROPY_INCLUDED_KERNEL_PHYSICAL_H
#define MICROPY_INCLUDED_KERNEL_PHYSICAL_H

#include <stdbool.h>
#include <stdint.h>

/* Reads or writes `size` bytes (1, 2, 4 or 8) at `paddr`, a multiple of it, in one instruction. False,
 * and nothing is touched, where the CPU has no such address, for other sizes, and where a page for a
 * page table is missing. What a device makes of it, or a hole where nothing answers, is the VMM's
 * affair. */
bool physical_read(uint64_t paddr, unsigned size, uint64_t *value);
bool physical_write(uint64_t paddr, unsigned size, uint64_t value);

/* The physical address behind `virt` in the current address space. False where nothing is mapped. */
bool physical_address(uint64_t virt, uint64_t *paddr);

#endif // MICROPY_INCLUDED_KERNEL_PHYSICAL_H
