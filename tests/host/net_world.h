/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The network, lwIP and all, on the threads of thread_world.h. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_NET_WORLD_H
#define MICROPY_INCLUDED_TESTS_HOST_NET_WORLD_H

#define WORLD_RAM (128ull << 20)

#include "tests/host/memory_world.h"
#include "tests/host/thread_world.h"

#include "kernel/cpu_random.h"
#include "kernel/interpreters.h"
#include "kernel/net/core.h"
#include "kernel/random.h"
#define LWIP_TIMEVAL_PRIVATE 0 // The host has one.
#include "lwip/sockets.h"
#include "lwip/tcpip.h"

/* The network's is the last; those before are the tests'. */
#define NETWORK_THREAD (MOST_THREADS - 1)

/* On the host these variables are zero as all are. */
uint8_t network_bss_start[1];
__asm__ (".globl network_bss_end\n.set network_bss_end, network_bss_start");

_Noreturn void thread_exit(void) {
    CHECK(!"no thread ends so");
    abort();
}

interpreter_t *interpreter_find(uint64_t id) {
    (void)id;
    return NULL;
}

bool cpu_random_bytes(void *buf, size_t len) {
    memset(buf, 0x5a, len);
    return true;
}

bool random_bytes(void *buf, size_t len) {
    memset(buf, 0xa5, len);
    return true;
}

uint64_t rdtsc(void) {
    return clock_monotonic_ns();
}

#ifdef __SANITIZE_THREAD__
/* lwIP looks at one bit of a netconn's flags without a lock, while others change. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void) {
    return "race_top:netconn_write_vectors_partly\nrace_top:netconn_recv_data\nrace_top:netconn_accept\n";
}
#endif

static struct {
    void (*fn)(void *);
    void *arg;
} network;

static void run_network(unsigned index) {
    (void)index;
    network.fn(network.arg);
}

thread_t *thread_create(const thread_options_t *options, void (*fn)(void *), void *arg) {
    CHECK_TEXT(options->name, "network");
    network.fn = fn;
    network.arg = arg;
    world_thread_t *thread = &threads[NETWORK_THREAD];
    pthread_mutex_init(&thread->lock, NULL);
    pthread_cond_init(&thread->changed, NULL);
    thread->fn = run_network;
    CHECK_EQ(pthread_create(&thread->host, NULL, run_thread, thread), 0);
    return &thread->kernel;
}

static void start_network(unsigned index) {
    (void)index;
    CHECK(net_start());
    net_random_seed();
}

static inline void sleep_ms(uint32_t ms) {
    const struct timespec time = { ms / 1000, ms % 1000 * NS_PER_MS };
    nanosleep(&time, NULL);
}

/* How often the network's thread was woken. */
static inline uint64_t network_wakes(void) {
    world_thread_t *thread = &threads[NETWORK_THREAD];
    pthread_mutex_lock(&thread->lock);
    uint64_t wakes = thread->wakes;
    pthread_mutex_unlock(&thread->lock);
    return wakes;
}

static inline void start_net_machine(void) {
    start_machine();
    memory_start();
    run_all(1, start_network);
}

#endif // MICROPY_INCLUDED_TESTS_HOST_NET_WORLD_H
