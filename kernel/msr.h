/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Any model-specific register of the CPU that runs this. Thread context. A write can end the machine in
 * any way: nothing is refused but what the CPU itself refuses. */
#ifndef MICROPY_INCLUDED_KERNEL_MSR_H
#define MICROPY_INCLUDED_KERNEL_MSR_H

#include <stdbool.h>
#include <stdint.h>

/* False where the CPU has no such register. */
bool msr_try_read(uint32_t msr, uint64_t *value);

/* False where the CPU has no such register, or the register does not take the value. */
bool msr_try_write(uint32_t msr, uint64_t value);

#endif // MICROPY_INCLUDED_KERNEL_MSR_H
