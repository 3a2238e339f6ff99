/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "boot/cpu.h"
#include "boot/cpu_features.h"
#include "boot/paging.h"
#include "drivers/kvmclock.h"

#define LEAF_SIGNATURE 0x40000000
#define LEAF_FEATURES 0x40000001
#define LEAF_FREQUENCIES 0x40000010
#define FEATURE_CLOCKSOURCE2 (1u << 3)

#define MSR_WALL_CLOCK_NEW 0x4b564d00
#define MSR_SYSTEM_TIME_NEW 0x4b564d01
#define SYSTEM_TIME_ENABLE 1

#define NS_PER_S 1000000000ull

/* struct pvclock_vcpu_time_info: written by the host while `version` is odd. */
typedef struct _time_info_t {
    uint32_t version;
    uint32_t reserved;
    uint64_t tsc_timestamp;
    uint64_t system_time;
    uint32_t tsc_to_system_mul;
    int8_t tsc_shift;
    uint8_t flags;
    uint8_t reserved2[2];
} time_info_t;

/* struct pvclock_wall_clock: written when its MSR is. */
typedef struct _wall_clock_t {
    uint32_t version;
    uint32_t sec;
    uint32_t nsec;
} wall_clock_t;

static volatile time_info_t *time_info;
static volatile wall_clock_t *wall_clock;
static uint64_t wall_clock_paddr;

/* With Hyper-V's leaves in the first place (kvm_hyperv=on), these would mean something else. */
static bool is_kvm(struct cpuid signature) {
    return cpu_features.leaf1_ecx & CPUID_1_ECX_HYPERVISOR && !memcmp(&signature.ebx, "KVMK", 4) && !memcmp(&signature.ecx, "VMKV", 4) && !memcmp(&signature.edx, "M\0\0", 4);
}

bool kvmclock_present(void) {
    return is_kvm(cpuid(LEAF_SIGNATURE, 0)) && cpuid(LEAF_FEATURES, 0).eax & FEATURE_CLOCKSOURCE2;
}

void kvmclock_enable(void *page, uint64_t paddr) {
    memset(page, 0, PAGE_SIZE);
    time_info = page;
    wall_clock = (volatile wall_clock_t *)((uint8_t *)page + PAGE_SIZE / 2);
    wall_clock_paddr = paddr + PAGE_SIZE / 2;
    wrmsr(MSR_SYSTEM_TIME_NEW, paddr | SYSTEM_TIME_ENABLE);
}

/* A copy that the host did not change meanwhile. The bound is against a host that never stops. */
static time_info_t read_time_info(void) {
    time_info_t copy;
    for (unsigned tries = 0; tries < 1000000; ++tries) {
        uint32_t version = __atomic_load_n(&time_info->version, __ATOMIC_ACQUIRE);
        copy.tsc_timestamp = time_info->tsc_timestamp;
        copy.system_time = time_info->system_time;
        copy.tsc_to_system_mul = time_info->tsc_to_system_mul;
        copy.tsc_shift = time_info->tsc_shift;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (!(version & 1) && version == time_info->version) {
            break;
        }
        cpu_relax();
    }
    return copy;
}

static uint64_t shifted(uint64_t value, int shift) {
    return shift >= 0 ? value << (shift & 63) : value >> (-shift & 63);
}

uint64_t kvmclock_tsc_hz(void) {
    time_info_t info = read_time_info();
    if (!info.tsc_to_system_mul || info.tsc_shift > 31 || info.tsc_shift < -31) {
        return 0;
    }
    // ns = (ticks << shift) * mul >> 32.
    return shifted((NS_PER_S << 32) / info.tsc_to_system_mul, -info.tsc_shift);
}

int64_t kvmclock_wall_ns(void) {
    time_info_t info = read_time_info();
    uint64_t ticks = shifted(rdtsc_ordered() - info.tsc_timestamp, info.tsc_shift);
    uint64_t system_ns = info.system_time + (uint64_t)((unsigned __int128)ticks * info.tsc_to_system_mul >> 32);

    // Time of day at the boot. The host writes it anew, so that it is right after a restore.
    wrmsr(MSR_WALL_CLOCK_NEW, wall_clock_paddr);
    return (int64_t)(wall_clock->sec * NS_PER_S + wall_clock->nsec + system_ns);
}

static uint32_t frequency_leaf(uint32_t *apic_khz) {
    struct cpuid signature = cpuid(LEAF_SIGNATURE, 0);
    if (!is_kvm(signature) || signature.eax < LEAF_FREQUENCIES) {
        return 0;
    }
    struct cpuid leaf = cpuid(LEAF_FREQUENCIES, 0);
    *apic_khz = leaf.ebx;
    return leaf.eax;
}

uint64_t hypervisor_tsc_hz(void) {
    uint32_t apic_khz;
    return frequency_leaf(&apic_khz) * 1000ull;
}

uint64_t hypervisor_apic_hz(void) {
    uint32_t apic_khz = 0;
    return frequency_leaf(&apic_khz) ? apic_khz * 1000ull : 0;
}
