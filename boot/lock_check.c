/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The rules of boot/spinlock.h, checked at each lock and unlock of a debug build. */

#include "boot/percpu.h"
#include "boot/spinlock.h"

#ifdef KERNEL_DEBUG

static bool is_held_here(const cpu_t *cpu, const spinlock_t *lock) {
    for (unsigned i = 0; i < cpu->lock_count; ++i) {
        if (cpu->locks[i] == lock) {
            return true;
        }
    }
    return false;
}

/* A crash report takes no lock any more: it may have come while one was being checked. */
static void misuse(cpu_t *cpu, const char *what) {
    if (!cpu->lock_misused) {
        cpu->lock_misused = true;
        spin_misuse(what);
    }
}

void spin_check_taken(const spinlock_t *lock) {
    uint64_t flags = interrupts_save_disable();
    interrupts_restore(flags);
    cpu_t *cpu = cpu_current();
    if (flags & RFLAGS_IF) {
        misuse(cpu, "a spin lock is taken with interrupts on");
    } else if (!lock->rank) {
        misuse(cpu, "a spin lock has no rank");
    } else if (is_held_here(cpu, lock)) {
        misuse(cpu, "a spin lock is taken twice");
    } else if (cpu->lock_count && cpu->locks[cpu->lock_count - 1]->rank >= lock->rank) {
        misuse(cpu, "a spin lock is taken out of order");
    } else if (cpu->lock_count == PERCPU_LOCKS) {
        misuse(cpu, "too many spin locks are held");
    } else {
        cpu->locks[cpu->lock_count++] = lock;
    }
}

void spin_check_released(const spinlock_t *lock) {
    cpu_t *cpu = cpu_current();
    if (!is_held_here(cpu, lock)) {
        misuse(cpu, "a spin lock is given back that is not held here");
        return;
    }
    // Not always the last one that was taken.
    unsigned i = 0;
    while (cpu->locks[i] != lock) {
        ++i;
    }
    for (--cpu->lock_count; i < cpu->lock_count; ++i) {
        cpu->locks[i] = cpu->locks[i + 1];
    }
}

#endif // KERNEL_DEBUG
