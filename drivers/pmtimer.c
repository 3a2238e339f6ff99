/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "boot/cpu.h"
#include "drivers/pmtimer.h"

/* 24 bits are all that every timer has; they last 4.6 s. */
#define MASK 0xffffff
#define WINDOW (PMTIMER_HZ / 100)

/* A host may suspend us between two readings: the reading with the smallest doubt of a few. */
#define TRIES 8

/* More ticks of the TSC than the window has at any frequency. */
#define STUCK_TICKS 1000000000ull

typedef struct _sample_t {
    uint32_t timer;
    uint64_t tsc;
} sample_t;

static sample_t sample(uint16_t port) {
    sample_t best = { 0, 0 };
    uint64_t best_doubt = UINT64_MAX;
    for (unsigned i = 0; i < TRIES; ++i) {
        uint64_t before = rdtsc_ordered();
        uint32_t timer = in32(port);
        uint64_t doubt = rdtsc_ordered() - before;
        if (doubt < best_doubt) {
            best_doubt = doubt;
            best = (sample_t) { timer & MASK, before + doubt / 2 };
        }
    }
    return best;
}

uint64_t pmtimer_measure_tsc_hz(uint16_t port) {
    sample_t start = sample(port);
    while (((in32(port) - start.timer) & MASK) < WINDOW) {
        if (rdtsc() - start.tsc > STUCK_TICKS) {
            return 0;
        }
    }
    sample_t end = sample(port);
    uint64_t ticks = (end.timer - start.timer) & MASK;
    return ticks ? (end.tsc - start.tsc) * PMTIMER_HZ / ticks : 0;
}
