/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Model-specific registers by number, for people who look around. The kernel's own are read and
 * written by boot/cpu.h: that they exist is known. */
#ifndef MICROPY_INCLUDED_BOOT_MSR_H
#define MICROPY_INCLUDED_BOOT_MSR_H

#include <stdbool.h>
#include <stdint.h>

/* Reads or writes a register of this CPU. False where the CPU refuses it by #GP: no such register, or
 * not that value (SDM volume 2, RDMSR and WRMSR). Needs a handler of #GP that goes on at msr_refused
 * when it finds one of the two instructions: kernel/msr.c. */
bool msr_read(uint32_t msr, uint64_t *value);
bool msr_write(uint32_t msr, uint64_t value);

extern const uint8_t msr_read_instruction[], msr_write_instruction[], msr_refused[];

#endif // MICROPY_INCLUDED_BOOT_MSR_H
