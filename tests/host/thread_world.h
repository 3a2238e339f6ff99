/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Threads of the kernel on the CPUs of cpu_world.h. Each is one of the host, whose place in the scheduler is a
 * condition; how they wait is the kernel's own (kernel/wait.c, kernel/timer.c). */
#ifndef MICROPY_INCLUDED_TESTS_HOST_THREAD_WORLD_H
#define MICROPY_INCLUDED_TESTS_HOST_THREAD_WORLD_H

#include <stdlib.h>

#define sched_yield kernel_sched_yield // The host has one too.
#include "kernel/sched.h"
#undef sched_yield
#include "kernel/thread.h"
#include "tests/host/cpu_world.h"

#define MOST_THREADS 16
#define LONG_NS (20000 * NS_PER_MS) /* A wait that takes as long is lost. */

typedef struct _world_thread_t {
    thread_t kernel;
    pthread_t host;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool ready;              /* Under the lock: sched_ready() was called. */
    uint64_t wakes;          /* Under the lock: how often. */
    void (*fn)(unsigned index);
} world_thread_t;

static world_thread_t threads[MOST_THREADS];
static _Thread_local world_thread_t *self;

/* Others may run then too, where interrupts are on. */
thread_t *thread_current(void) {
    if (!world_held) {
        world_preempt();
    }
    return &self->kernel;
}

#ifdef __SANITIZE_THREAD__
/* And just before a word is changed that was looked at: tests/host/programs.py has the linker put these in the way. */
#define WRAPPED(name) __wrap___tsan_atomic32_##name
#define REAL(name) __real___tsan_atomic32_##name

int REAL(compare_exchange_strong)(volatile int *word, int *expected, int to, int success, int failure);
int REAL(fetch_add)(volatile int *word, int value, int order);

int WRAPPED(compare_exchange_strong)(volatile int *word, int *expected, int to, int success, int failure) {
    if (!world_held) {
        world_preempt();
    }
    return REAL(compare_exchange_strong)(word, expected, to, success, failure);
}

int WRAPPED(fetch_add)(volatile int *word, int value, int order) {
    if (!world_held) {
        world_preempt();
    }
    return REAL(fetch_add)(word, value, order);
}
#endif

void sched_ready(thread_t *thread) {
    CHECK(world_held);
    world_thread_t *other = (world_thread_t *)thread;
    pthread_mutex_lock(&other->lock);
    CHECK(!other->ready); // Otherwise it would be in a run queue twice.
    other->ready = true;
    ++other->wakes;
    pthread_cond_signal(&other->changed);
    pthread_mutex_unlock(&other->lock);
}

/* The CPU halts, as often as not. */
void sched_block(void) {
    if (world_random() % 2) {
        timer_before_halt();
    }
    world_leave_cpu();
    pthread_mutex_lock(&self->lock);
    while (!self->ready) {
        pthread_cond_wait(&self->changed, &self->lock);
    }
    self->ready = false;
    pthread_mutex_unlock(&self->lock);
    world_take_cpu();
}

void sched_checkpoint(void) {
    world_leave_cpu();
    world_take_cpu();
}

uint8_t interrupt_allocate_vector(const char *name, interrupt_handler_t handler) {
    (void)name;
    world_timer_handler = handler;
    return VECTOR_FIRST_DEVICE;
}

/* The timer that counts down is for CPUs without a deadline. */
void lapic_timer_set_count(uint32_t count) {
    CHECK(!count);
}

uint32_t lapic_timer_count(void) {
    abort();
}

uint64_t hypervisor_apic_hz(void) {
    abort();
}

static void *run_thread(void *arg) {
    self = arg;
    world_seed = 1000 + (self - threads);
    self->fn(self - threads);
    return NULL;
}

static void start_machine(void) {
    world_start();
    uint64_t flags = interrupts_save_disable();
    timer_init();
    interrupts_restore(flags);
}

/* Runs `fn` in `count` threads, to their end. */
static void run_all(unsigned count, void (*fn)(unsigned index)) {
    for (unsigned i = 0; i < count; ++i) {
        memset(&threads[i], 0, sizeof(threads[i]));
        pthread_mutex_init(&threads[i].lock, NULL);
        pthread_cond_init(&threads[i].changed, NULL);
        threads[i].fn = fn;
    }
    for (unsigned i = 0; i < count; ++i) {
        CHECK_EQ(pthread_create(&threads[i].host, NULL, run_thread, &threads[i]), 0);
    }
    for (unsigned i = 0; i < count; ++i) {
        CHECK_EQ(pthread_join(threads[i].host, NULL), 0);
    }
}

static inline uint64_t after(uint64_t ns) {
    return clock_monotonic_ns() + ns;
}

/* Some time: mostly so little that it is a race with whoever wakes. */
static inline uint64_t soon(void) {
    return after(world_random() % (world_random() % 4 ? 30000 : 1000000));
}

#endif // MICROPY_INCLUDED_TESTS_HOST_THREAD_WORLD_H
