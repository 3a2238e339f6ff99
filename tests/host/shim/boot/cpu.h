/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Of boot/cpu.h what the host tests can do without a machine. A test says what the CPU's
 * sources of random values give, and its time stamp counter. */
#ifndef MICROPY_INCLUDED_BOOT_CPU_H
#define MICROPY_INCLUDED_BOOT_CPU_H

#include <stdbool.h>
#include <stdint.h>

bool rdrand(uint64_t *value);
bool rdseed(uint64_t *value);
uint64_t rdtsc(void);

__attribute__((target("sse4.2")))
static inline uint32_t crc32_add(uint32_t crc, uint64_t data) {
    return (uint32_t)__builtin_ia32_crc32di(crc, data);
}

static inline void cpu_relax(void) {
    __builtin_ia32_pause();
}

#endif // MICROPY_INCLUDED_BOOT_CPU_H
