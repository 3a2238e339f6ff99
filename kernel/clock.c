/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <stddef.h>

#include "boot/cpu.h"
#include "boot/paging.h"
#include "boot/spinlock.h"
#include "drivers/cmos.h"
#include "drivers/kvmclock.h"
#include "drivers/pmtimer.h"
#include "kernel/clock.h"
#include "kernel/machine.h"
#include "kernel/page_alloc.h"
#include "kernel/panic.h"
#include "kernel/random.h"

#define NS_PER_S 1000000000ull

/* A TSC outside these is not believed. */
#define SLOWEST_HZ 100000000ull
#define FASTEST_HZ 20000000000ull

/* How often the host's time of day is looked at, and by how much it must have moved. */
#define WALL_CHECK_NS (1 * NS_PER_S)
#define WALL_JITTER_NS 50000000

static uint64_t boot_tsc;

/* Found at the first need: the boot itself has none. */
static spinlock_t lock = SPINLOCK_INIT(LOCK_RANK_CLOCK);
static bool ready;
static uint64_t hz;
static uint64_t ns_per_tick_32; // Nanoseconds a tick, times 2^32.
static const char *source;
static bool has_kvmclock;
static int64_t wall_offset_ns;   // Of the wall clock as set, to the host's.
static int64_t wall_at_boot_ns;  // What the host's clock showed at the boot, as far as known.
static uint64_t wall_checked_ns; // When that was compared with the host; 0: never.

void clock_init(void) {
    boot_tsc = rdtsc();
}

static bool believable(uint64_t value) {
    return value >= SLOWEST_HZ && value <= FASTEST_HZ;
}

static uint64_t find_hz(void) {
    source = "cpuid 0x40000010";
    uint64_t value = hypervisor_tsc_hz();
    if (believable(value)) {
        return value;
    }
    source = "kvmclock";
    value = has_kvmclock ? kvmclock_tsc_hz() : 0;
    if (believable(value)) {
        return value;
    }
    source = "acpi pm timer";
    const acpi_register_t *timer = &machine.acpi.pm_timer;
    value = pmtimer_measure_tsc_hz(timer->space == ACPI_SPACE_IO ? timer->address : PMTIMER_USUAL_PORT);
    if (believable(value)) {
        return value;
    }
    panic("no clock: neither CPUID 0x40000010, kvmclock nor the ACPI PM timer tells the TSC's frequency");
}

static void start(void) {
    if (kvmclock_present()) {
        uint64_t page = page_alloc(0);
        has_kvmclock = page != 0;
        if (page) {
            kvmclock_enable(phys_to_virt(page), page);
        }
    }
    hz = find_hz();
    ns_per_tick_32 = (NS_PER_S << 32) / hz;
    __atomic_store_n(&ready, true, __ATOMIC_RELEASE);
}

static void ensure_ready(void) {
    if (!__atomic_load_n(&ready, __ATOMIC_ACQUIRE)) {
        uint64_t flags = spin_lock_irqsave(&lock);
        if (!ready) {
            start();
        }
        spin_unlock_irqrestore(&lock, flags);
    }
}

uint64_t clock_monotonic_ns(void) {
    ensure_ready();
    return (uint64_t)((unsigned __int128)(rdtsc_ordered() - boot_tsc) * ns_per_tick_32 >> 32);
}

uint64_t clock_tsc_hz(void) {
    ensure_ready();
    return hz;
}

/* The reverse of clock_monotonic_ns(), rounded up, so that a timer is never early. */
uint64_t clock_tsc_at(uint64_t ns) {
    ensure_ready();
    uint64_t high = ns >> 32, low = ns << 32;
    // Beyond any life of the machine: the last moment.
    return high < ns_per_tick_32 ? boot_tsc + divide_128(high, low, ns_per_tick_32) + 1 : UINT64_MAX;
}

const char *clock_source(void) {
    ensure_ready();
    return source;
}

/* What the host's clock showed at the boot, by what it shows now. False where it tells nothing. */
static bool ask_host(int64_t *at_boot_ns) {
    uint64_t flags = interrupts_save_disable();
    int64_t now_ns = 0;
    bool ok = true;
    if (has_kvmclock) {
        now_ns = kvmclock_wall_ns();
    } else {
        int64_t seconds = 0;
        ok = cmos_read_time(&seconds);
        now_ns = seconds * (int64_t)NS_PER_S;
    }
    *at_boot_ns = now_ns - (int64_t)clock_monotonic_ns();
    interrupts_restore(flags);
    return ok;
}

/* The host's time of day, which goes on with the monotonic clock. kvmclock is asked again after a
 * while, but believed only where it has really moved, as after a restore: each answer is an
 * exit, and wrong by however long the host was interrupted. CMOS has whole seconds and is asked
 * once. */
static int64_t host_wall_ns(void) {
    uint64_t now_ns = clock_monotonic_ns();
    int64_t at_boot_ns;
    bool is_due = !wall_checked_ns || (has_kvmclock && now_ns - wall_checked_ns >= WALL_CHECK_NS);
    if (is_due && ask_host(&at_boot_ns)) {
        int64_t moved_ns = at_boot_ns - wall_at_boot_ns;
        if (!wall_checked_ns || moved_ns > WALL_JITTER_NS || moved_ns < -WALL_JITTER_NS) {
            wall_at_boot_ns = at_boot_ns;
            random_reseed(); // Another machine may be as this was, out of the same snapshot.
        }
        wall_checked_ns = now_ns;
    }
    return wall_at_boot_ns + (int64_t)now_ns;
}

int64_t clock_wall_ns(void) {
    return host_wall_ns() + wall_offset_ns;
}

void clock_set_wall_ns(int64_t ns) {
    wall_offset_ns = ns - host_wall_ns();
}
