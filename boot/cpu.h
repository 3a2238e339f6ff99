/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The instructions C has no words for, each in a small function of its own name.
 * Only boot/ and drivers/ use the privileged ones. See the Intel SDM, volume 2. */
#ifndef MICROPY_INCLUDED_BOOT_CPU_H
#define MICROPY_INCLUDED_BOOT_CPU_H

#include <stdbool.h>
#include <stdint.h>

/* Model-specific registers: Intel SDM volume 4, table 2-2; AMD APM volume 2, appendix A. */
#define MSR_APIC_BASE 0x1b
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_EFER 0xc0000080
#define MSR_GS_BASE 0xc0000101

#define EFER_NXE (1u << 11)

#define CR3_PCID 0xfffu
#define CR3_KEEP (1ull << 63) /* What the TLB has of this PCID stays: SDM volume 3, 4.10.4.1. */

#define CR4_PAE (1u << 5)
#define CR4_MCE (1u << 6)
#define CR4_PGE (1u << 7)
#define CR4_OSFXSR (1u << 9)
#define CR4_OSXMMEXCPT (1u << 10)
#define CR4_UMIP (1u << 11)
#define CR4_PCIDE (1u << 17)
#define CR4_OSXSAVE (1u << 18)
#define CR4_SMEP (1u << 20)
#define CR4_SMAP (1u << 21)

#define RFLAGS_RESERVED (1u << 1) /* Always set. */
#define RFLAGS_IF (1u << 9)

struct cpuid {
    uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(uint32_t leaf, uint32_t subleaf) {
    struct cpuid r;
    __asm__ volatile ("cpuid" : "=a" (r.eax), "=b" (r.ebx), "=c" (r.ecx), "=d" (r.edx) : "a" (leaf), "c" (subleaf));
    return r;
}

static inline uint8_t in8(uint16_t port) {
    uint8_t value;
    __asm__ volatile ("inb %1, %0" : "=a" (value) : "Nd" (port));
    return value;
}

static inline uint32_t in32(uint16_t port) {
    uint32_t value;
    __asm__ volatile ("inl %1, %0" : "=a" (value) : "Nd" (port));
    return value;
}

static inline void out8(uint16_t port, uint8_t value) {
    __asm__ volatile ("outb %0, %1" : : "a" (value), "Nd" (port));
}

static inline void out16(uint16_t port, uint16_t value) {
    __asm__ volatile ("outw %0, %1" : : "a" (value), "Nd" (port));
}

static inline void out32(uint16_t port, uint32_t value) {
    __asm__ volatile ("outl %0, %1" : : "a" (value), "Nd" (port));
}

static inline uint64_t rdmsr(uint32_t msr) {
    uint32_t low, high;
    __asm__ volatile ("rdmsr" : "=a" (low), "=d" (high) : "c" (msr));
    return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t msr, uint64_t value) {
    __asm__ volatile ("wrmsr" : : "c" (msr), "a" ((uint32_t)value), "d" ((uint32_t)(value >> 32)) : "memory");
}

/* What was stored before is seen before a WRMSR that does not wait for it: SDM volume 3, 11.12.3. A locked
 * instruction, which is what compilers take for a fence, is not said to be enough. */
static inline void fence_before_wrmsr(void) {
    __asm__ volatile ("mfence; lfence" : : : "memory");
}

static inline uint64_t read_cr0(void) {
    uint64_t value;
    __asm__ volatile ("mov %%cr0, %0" : "=r" (value));
    return value;
}

static inline uint64_t read_cr2(void) {
    uint64_t value;
    __asm__ volatile ("mov %%cr2, %0" : "=r" (value));
    return value;
}

static inline uint64_t read_cr3(void) {
    uint64_t value;
    __asm__ volatile ("mov %%cr3, %0" : "=r" (value));
    return value;
}

static inline void write_cr3(uint64_t value) {
    __asm__ volatile ("mov %0, %%cr3" : : "r" (value) : "memory");
}

static inline uint64_t read_cr4(void) {
    uint64_t value;
    __asm__ volatile ("mov %%cr4, %0" : "=r" (value));
    return value;
}

static inline void write_cr4(uint64_t value) {
    __asm__ volatile ("mov %0, %%cr4" : : "r" (value) : "memory");
}

static inline uint64_t xgetbv(uint32_t index) {
    uint32_t low, high;
    __asm__ volatile ("xgetbv" : "=a" (low), "=d" (high) : "c" (index));
    return (uint64_t)high << 32 | low;
}

static inline void xsetbv(uint32_t index, uint64_t value) {
    __asm__ volatile ("xsetbv" : : "c" (index), "a" ((uint32_t)value), "d" ((uint32_t)(value >> 32)));
}

/* Vector registers to and from memory: SDM volume 1, 13.7, 13.8 and 10.5. All that XCR0 has enabled. */
static inline void xsave(void *area) {
    __asm__ volatile ("xsave64 (%0)" : : "r" (area), "a" (-1), "d" (-1) : "memory");
}

static inline void xrstor(const void *area) {
    __asm__ volatile ("xrstor64 (%0)" : : "r" (area), "a" (-1), "d" (-1) : "memory");
}

static inline void fxsave(void *area) {
    __asm__ volatile ("fxsave64 (%0)" : : "r" (area) : "memory");
}

static inline void fxrstor(const void *area) {
    __asm__ volatile ("fxrstor64 (%0)" : : "r" (area) : "memory");
}

/* x87 and SSE control words as the System V ABI wants them at a program's start. */
static inline void fpu_reset(void) {
    uint32_t mxcsr = 0x1f80;
    __asm__ volatile ("fninit; ldmxcsr %0" : : "m" (mxcsr));
}

static inline void invlpg(uintptr_t address) {
    __asm__ volatile ("invlpg (%0)" : : "r" (address) : "memory");
}

static inline uint64_t rdtsc(void) {
    uint32_t low, high;
    __asm__ volatile ("rdtsc" : "=a" (low), "=d" (high));
    return (uint64_t)high << 32 | low;
}

/* Waits for earlier loads, then reads the time stamp: SDM volume 2, RDTSC. */
static inline uint64_t rdtsc_ordered(void) {
    __asm__ volatile ("lfence" : : : "memory");
    return rdtsc();
}

/* Goes on with a CRC-32C. For CPUs with SSE4.2: SDM volume 2, CRC32. */
static inline uint32_t crc32_add(uint32_t crc, uint64_t data) {
    uint64_t sum = crc;
    __asm__ ("crc32q %1, %0" : "+r" (sum) : "rm" (data));
    return (uint32_t)sum;
}

/* high:low / divisor, rounded down. `high` must be below `divisor`. */
static inline uint64_t divide_128(uint64_t high, uint64_t low, uint64_t divisor) {
    uint64_t quotient, remainder;
    __asm__ ("divq %4" : "=a" (quotient), "=d" (remainder) : "a" (low), "d" (high), "r" (divisor) : "cc");
    return quotient;
}

/* One hardware random value. Returns false where none was ready (carry flag clear). */
static inline bool rdrand(uint64_t *value) {
    bool ok;
    __asm__ volatile ("rdrand %0" : "=r" (*value), "=@ccc" (ok));
    return ok;
}

static inline bool rdseed(uint64_t *value) {
    bool ok;
    __asm__ volatile ("rdseed %0" : "=r" (*value), "=@ccc" (ok));
    return ok;
}

static inline void cpu_relax(void) {
    __builtin_ia32_pause();
}

struct __attribute__((packed)) table_pointer {
    uint16_t limit;
    uint64_t base;
};

/* Loads the descriptor table and every selector out of it. */
static inline void load_gdt(const void *table, uint16_t size, uint16_t code, uint16_t data, uint16_t tss) {
    struct table_pointer pointer = { size - 1, (uintptr_t)table };
    __asm__ volatile (
        "lgdt %0\n\t"
        "pushq %1\n\t"
        "leaq 1f(%%rip), %%rax\n\t"
        "pushq %%rax\n\t"
        "lretq\n"
        "1: movl %2, %%ss\n\t"
        "movl %2, %%ds\n\t"
        "movl %2, %%es\n\t"
        "ltr %w3"
        : : "m" (pointer), "r" ((uint64_t)code), "r" ((uint32_t)data), "r" (tss) : "rax", "memory");
}

static inline void load_idt(const void *table, uint16_t size) {
    struct table_pointer pointer = { size - 1, (uintptr_t)table };
    __asm__ volatile ("lidt %0" : : "m" (pointer));
}

/* Turns interrupts off. Returns what interrupts_restore() wants back. */
static inline uint64_t interrupts_save_disable(void) {
    uint64_t flags;
    __asm__ volatile ("pushfq; popq %0; cli" : "=r" (flags) : : "memory");
    return flags;
}

static inline void interrupts_enable(void) {
    __asm__ volatile ("sti" : : : "memory");
}

static inline void interrupts_disable(void) {
    __asm__ volatile ("cli" : : : "memory");
}

static inline void interrupts_restore(uint64_t flags) {
    if (flags & RFLAGS_IF) {
        interrupts_enable();
    }
}

/* Sleeps until the next interrupt. Called with interrupts off; they are on afterwards. No
 * interrupt is slept through: boot/halt.S. */
void interrupts_enable_and_halt(void);

/* Stops this CPU for good. */
static inline __attribute__((noreturn)) void cpu_stop(void) {
    for (;;) {
        __asm__ volatile ("cli; hlt" : : : "memory");
    }
}

#endif // MICROPY_INCLUDED_BOOT_CPU_H
