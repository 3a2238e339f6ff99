/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A guest on the project's kernel in which two threads take turns, in two ways. It says of each, as `NAME TICKS
 * NS`, what BATCH turns took at the least: ticks of the TSC, and nanoseconds. With one CPU a turn is a switch
 * between threads, with several it crosses from one to another. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "boot/cpu.h"
#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/cpus.h"
#include "kernel/panic.h"
#include "kernel/semaphore.h"
#include "kernel/thread.h"

#define BATCH 200
#define BATCHES 200

static void say(const char *text) {
    console_write(text, strlen(text));
}

static void say_number(uint64_t value) {
    char text[24], *at = text + sizeof(text);
    *--at = '\0';
    do {
        *--at = '0' + value % 10;
    } while (value /= 10);
    say(at);
}

/* The first thread's turn, and the wait for the end of the second one's. */
static void (*turn)(void);

static void measure(const char *name) {
    uint64_t ticks = UINT64_MAX, ns = UINT64_MAX;
    for (unsigned i = 0; i < BATCHES; ++i) {
        uint64_t begin_ns = clock_monotonic_ns(), begin = rdtsc();
        for (unsigned j = 0; j < BATCH / 2; ++j) {
            turn();
        }
        uint64_t took = rdtsc() - begin, took_ns = clock_monotonic_ns() - begin_ns;
        ticks = took < ticks ? took : ticks;
        ns = took_ns < ns ? took_ns : ns;
    }
    say(name);
    say(" ");
    say_number(ticks);
    say(" ");
    say_number(ns);
    say("\r\n");
}

static uint32_t ended;

static void yield_until_the_end(void *arg) {
    (void)arg;
    while (!__atomic_load_n(&ended, __ATOMIC_RELAXED)) {
        thread_yield();
    }
}

static semaphore_t ping, pong;

static void answer(void *arg) {
    (void)arg;
    while (semaphore_take_until(&ping, WAIT_FOREVER) && !__atomic_load_n(&ended, __ATOMIC_RELAXED)) {
        semaphore_give(&pong);
    }
}

static void ask(void) {
    semaphore_give(&ping);
    semaphore_take_until(&pong, WAIT_FOREVER);
}

static void with_other(const char *name, void (*of_first)(void), void (*of_second)(void *)) {
    thread_options_t options = { .name = "other", .priority = RUN_PRIORITY_NORMAL };
    ended = 0;
    thread_t *other = thread_create(&options, of_second, NULL);
    if (!other) {
        panic("a thread is not made");
    }
    turn = of_first;
    measure(name);
    __atomic_store_n(&ended, 1, __ATOMIC_RELAXED);
    semaphore_give(&ping);
    thread_join(other, WAIT_FOREVER);
}

void app_main(void) {
    cpus_start();
    if (cpus_count() == 1) {
        with_other("yield", thread_yield, yield_until_the_end);
    }
    with_other("semaphore", ask, answer);
    say("done\r\n");
}
