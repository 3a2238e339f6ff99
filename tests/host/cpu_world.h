/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A machine of several CPUs for kernel code that runs unmodified on threads of the host, so that the thread
 * sanitizer sees it.
 *
 * Who has interrupts off holds a CPU: a lock of the host, that of any CPU, as a thread may be moved whenever
 * they are on. Each CPU has a thread more that takes its interrupts, and holds it meanwhile. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_CPU_WORLD_H
#define MICROPY_INCLUDED_TESTS_HOST_CPU_WORLD_H

#include <pthread.h>
#include <time.h>

#include "boot/cpu.h"
#include "boot/idt.h"
#include "drivers/lapic.h"
#include "kernel/clock.h"
#include "kernel/cpu_state.h"
#include "kernel/cpus.h"
#include "kernel/panic.h"
#include "tests/host/check.h"

#define WORLD_CPUS 6
#define NS_PER_MS 1000000ull

typedef struct _world_cpu_t {
    kernel_cpu_t kernel;
    pthread_mutex_t held;    /* By whoever has interrupts off on it. For all below. */
    pthread_cond_t arrival;  /* Of an interrupt, or a new deadline. */
    uint64_t deadline_ns;    /* The timer's; 0: off. */
    pthread_t interrupts;
} world_cpu_t;

static world_cpu_t world[WORLD_CPUS];
static interrupt_handler_t world_timer_handler;

/* What this thread of the host is. */
static _Thread_local world_cpu_t *world_held; /* The CPU on which it has interrupts off, or NULL. */
static _Thread_local uint32_t world_seed;

static inline uint32_t world_random(void) {
    world_seed = world_seed * 1664525 + 1013904223;
    return world_seed >> 8;
}

uint64_t clock_monotonic_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000ull + now.tv_nsec;
}

/* Others may have to run on this core of the host. */
void cpu_relax(void) {
    sched_yield();
}

uint64_t clock_tsc_at(uint64_t ns) {
    return ns;
}

_Noreturn void panic(const char *message) {
    fprintf(stderr, "panic: %s\n", message);
    abort();
}

cpu_t *cpu_current(void) {
    CHECK(world_held); // Otherwise it may be another one already.
    return &world_held->kernel.boot;
}

unsigned cpus_count(void) {
    return WORLD_CPUS;
}

kernel_cpu_t *cpus_get(unsigned index) {
    return &world[index].kernel;
}

static void world_take_cpu(void) {
    world_cpu_t *cpu = &world[world_random() % WORLD_CPUS];
    pthread_mutex_lock(&cpu->held);
    world_held = cpu;
}

static void world_leave_cpu(void) {
    world_cpu_t *cpu = world_held;
    world_held = NULL;
    pthread_mutex_unlock(&cpu->held);
}

uint64_t interrupts_save_disable(void) {
    if (world_held) {
        return 0;
    }
    world_take_cpu();
    return RFLAGS_IF;
}

/* As by an interrupt that has waited for this: now and then others run, and have time for some steps. */
static void world_preempt(void) {
    if (!(world_random() % 32)) {
        struct timespec time = { 0, world_random() % (world_random() % 16 ? 50000 : 1000000) };
        nanosleep(&time, NULL);
    }
}

void interrupts_restore(uint64_t flags) {
    if (flags & RFLAGS_IF) {
        world_leave_cpu();
        world_preempt();
    }
}

bool lapic_timer_has_deadline(void) {
    return true;
}

void lapic_timer_set_deadline(uint64_t tsc) {
    world_held->deadline_ns = tsc;
    pthread_cond_signal(&world_held->arrival);
}

void lapic_timer_init(uint8_t vector) {
    (void)vector;
}

void lapic_eoi(void) {
}

static struct timespec world_timespec(uint64_t ns) {
    return (struct timespec) { ns / 1000000000, ns % 1000000000 };
}

static void *world_take_interrupts(void *arg) {
    world_cpu_t *cpu = arg;
    world_seed = cpu - world;
    pthread_mutex_lock(&cpu->held);
    for (;;) {
        if (cpu->deadline_ns && cpu->deadline_ns <= clock_monotonic_ns()) {
            cpu->deadline_ns = 0;
            world_held = cpu;
            world_timer_handler(NULL);
            world_held = NULL;
        } else if (cpu->deadline_ns) {
            struct timespec until = world_timespec(cpu->deadline_ns);
            pthread_cond_timedwait(&cpu->arrival, &cpu->held, &until);
        } else {
            pthread_cond_wait(&cpu->arrival, &cpu->held);
        }
    }
    return NULL;
}

static void world_start(void) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    for (unsigned i = 0; i < WORLD_CPUS; ++i) {
        world_cpu_t *cpu = &world[i];
        cpu->kernel.boot.index = i;
        pthread_mutex_init(&cpu->held, NULL);
        pthread_cond_init(&cpu->arrival, &attributes);
        CHECK_EQ(pthread_create(&cpu->interrupts, NULL, world_take_interrupts, cpu), 0);
    }
}

#endif // MICROPY_INCLUDED_TESTS_HOST_CPU_WORLD_H
