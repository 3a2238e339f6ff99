/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Of boot/cpu.h what kernel code needs on CPUs that are made of threads of the host: the test supplies them. Spin
 * locks are the kernel's own. */
#ifndef MICROPY_INCLUDED_BOOT_CPU_H
#define MICROPY_INCLUDED_BOOT_CPU_H

#include <stdbool.h>
#include <stdint.h>

#define RFLAGS_IF (1u << 9)

#define CR3_PCID 0xfffu
#define CR3_KEEP (1ull << 63)

struct cpuid {
    uint32_t eax, ebx, ecx, edx;
};

struct cpuid cpuid(uint32_t leaf, uint32_t subleaf);
void invlpg(uintptr_t virt);
uint64_t read_cr3(void);
uint64_t interrupts_save_disable(void);
void interrupts_restore(uint64_t flags);
void write_cr3(uint64_t value);
void cpu_relax(void);
bool rdrand(uint64_t *value);
bool rdseed(uint64_t *value);
uint64_t rdtsc(void);

__attribute__((target("sse4.2")))
static inline uint32_t crc32_add(uint32_t crc, uint64_t data) {
    return (uint32_t)__builtin_ia32_crc32di(crc, data);
}

#endif // MICROPY_INCLUDED_BOOT_CPU_H
