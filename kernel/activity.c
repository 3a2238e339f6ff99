/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "boot/cpu.h"
#include "kernel/activity.h"
#include "kernel/cpus.h"

/* What it has run, the turn that it is in included. Should that end meanwhile, the last look at it counts. */
static uint64_t run_ticks(const thread_t *thread, const kernel_cpu_t *cpu) {
    uint64_t ticks = __atomic_load_n(&thread->run_ticks, __ATOMIC_ACQUIRE);
    uint64_t since = __atomic_load_n(&cpu->switched_tsc, __ATOMIC_ACQUIRE);
    bool is_running = __atomic_load_n(&cpu->current, __ATOMIC_ACQUIRE) == thread;
    uint64_t now = rdtsc();
    return ticks + (is_running && now > since ? now - since : 0);
}

bool activity_cpu(unsigned index, activity_cpu_t *found) {
    if (index >= cpus_count()) {
        return false;
    }
    const kernel_cpu_t *cpu = cpus_get(index);
    *found = (activity_cpu_t) { cpu->boot.apic_id, run_ticks(&cpu->idle, cpu) };
    return true;
}

static const char *state_of(const thread_t *thread, const kernel_cpu_t *cpu) {
    if (thread_has_ended(thread)) {
        return "ended";
    }
    if (__atomic_load_n(&cpu->current, __ATOMIC_RELAXED) == thread) {
        return "running";
    }
    return __atomic_load_n(&thread->state, __ATOMIC_RELAXED) == THREAD_WAITING ? "waiting" : "ready";
}

bool activity_thread(interpreter_t *interpreter, unsigned index, activity_thread_t *found) {
    uint64_t flags = spin_lock_nofault(&interpreter->lock);
    const thread_t *thread = interpreter->threads;
    while (thread && index--) {
        thread = thread->sibling_next;
    }
    if (thread) {
        const kernel_cpu_t *cpu = cpus_get(__atomic_load_n(&thread->cpu, __ATOMIC_RELAXED));
        found->id = thread;
        memcpy(found->name, thread->name, sizeof(found->name));
        found->cpu = cpu->boot.index;
        found->state = state_of(thread, cpu);
        found->run_ticks = run_ticks(thread, cpu);
    }
    spin_unlock_irqrestore(&interpreter->lock, flags);
    return thread;
}
