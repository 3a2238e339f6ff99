/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A machine with a disk, and threads that use it by kernel/disk_io.c: one after the other, each until it waits. When
 * all wait, the device does what the test has it do, and time passes: a day takes no time, and each run is the same. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_DISK_IO_WORLD_H
#define MICROPY_INCLUDED_TESTS_HOST_DISK_IO_WORLD_H

#include <pthread.h>

#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/cpus.h"
#include "kernel/devices.h"
#include "kernel/disk_io.h"
#include "kernel/dma.h"
#include "kernel/kalloc.h"
#include "kernel/panic.h"
#include "kernel/system.h"
#include "kernel/thread.h"
#include "tests/host/virtio/blk_world.h"

#define IO_THREADS 48
#define IO_CPUS 4
#define IO_PAGE 4096
#define MS 1000000ull
#define S (1000 * MS)

typedef struct _io_thread_t {
    thread_t kernel;
    pthread_t host;
    void (*fn)(unsigned index);
    bool has_ended;
    const uint32_t *word;      /* What it waits on; NULL: it can run. */
    uint64_t deadline_ns;
    wait_result_t result;
} io_thread_t;

static struct {
    disk_t *disk;
    const char *timeout;       /* The setting. */
    io_thread_t thread[IO_THREADS];
    unsigned thread_count;
    io_thread_t *running;      /* NULL: the machine itself. */
    pthread_mutex_t lock;
    pthread_cond_t changed;    /* `running` has. */
    void (*step)(void);        /* What the device does when all wait. */
    uint64_t step_ns;          /* And how long that takes. */
    char said[1024];           /* On the console. */
    unsigned pieces;           /* Of kalloc() that are taken. */
    unsigned signals;          /* To the thread of devices. */
} io;

/* The kernel's. */

static kernel_cpu_t io_cpus[IO_CPUS];

static inline unsigned io_index(void) {
    return io.running - io.thread;
}

cpu_t *cpu_current(void) {
    return &io_cpus[io_index() % IO_CPUS].boot;
}

kernel_cpu_t *cpus_get(unsigned index) {
    CHECK(index < IO_CPUS);
    return &io_cpus[index];
}

unsigned cpus_count(void) {
    return IO_CPUS;
}

unsigned cpus_usable(void) {
    return IO_CPUS;
}

uint64_t interrupts_save_disable(void) {
    return 0;
}

void interrupts_restore(uint64_t flags) {
    (void)flags;
}

thread_t *thread_current(void) {
    return &io.running->kernel;
}

uint64_t clock_monotonic_ns(void) {
    return machine.now_ns;
}

const char *system_setting(const char *name) {
    CHECK_TEXT(name, "disk-timeout");
    return io.timeout;
}

void devices_signal(void) {
    ++io.signals;
}

/* kernel/disk_part.c, for what stops the machine. */
int disk_settle(disk_t *disk) {
    (void)disk;
    abort();
}

void console_report(const char *who, const char *what, const char *why) {
    size_t len = strlen(io.said);
    snprintf(io.said + len, sizeof(io.said) - len, "%s: %s%s%s\n", who, what, why ? ": " : "", why ? why : "");
}

_Noreturn void panic(const char *message) {
    fprintf(stderr, "panic: %s\n", message);
    abort();
}

void *kalloc(size_t size) {
    void *memory;
    CHECK(posix_memalign(&memory, 16, size) == 0);
    memset(memory, 0xa5, size);
    machine_share(memory, size);
    ++io.pieces;
    return memory;
}

void kfree(void *memory, size_t size) {
    (void)size;
    machine_unshare(memory);
    free(memory);
    --io.pieces;
}

/* No two pages lie one behind the other. */
unsigned dma_describe(const void *buffer, size_t size, bool writes, dma_segment_t *segments, unsigned count_max,
    uint32_t len_max, size_t *described) {
    (void)writes;
    unsigned count = 0;
    size_t done = 0;
    while (done < size && count < count_max) {
        uintptr_t at = (uintptr_t)buffer + done;
        size_t len = IO_PAGE - at % IO_PAGE;
        len = len < size - done ? len : size - done;
        len = len < len_max ? len : len_max;
        segments[count++] = dma_segment(driver_address((const void *)at), len);
        done += len;
    }
    *described = done;
    return count;
}

/* Threads. */

static void io_run(io_thread_t *next) {
    io_thread_t *self = io.running;
    io.running = next;
    pthread_cond_broadcast(&io.changed);
    while (io.running != self) {
        pthread_cond_wait(&io.changed, &io.lock);
    }
}

wait_result_t wait_on(const uint32_t *word, uint32_t expected, uint64_t deadline_ns) {
    CHECK(!machine.locks && !machine.in_interrupt);
    io_thread_t *self = io.running;
    if (__atomic_load_n(word, __ATOMIC_RELAXED) != expected) {
        return WAIT_CHANGED;
    }
    self->word = word;
    self->deadline_ns = deadline_ns;
    io_run(NULL);
    return self->result;
}

wait_result_t wait_on_interruptible(const uint32_t *word, uint32_t expected, uint64_t deadline_ns) {
    return wait_on(word, expected, deadline_ns);
}

uint32_t wait_wake(const uint32_t *word, uint32_t count) {
    uint32_t woken = 0;
    for (unsigned i = 0; i < io.thread_count && woken < count; ++i) {
        io_thread_t *thread = &io.thread[i];
        if (thread->word == word) {
            thread->word = NULL;
            thread->result = WAIT_WOKEN;
            ++woken;
        }
    }
    return woken;
}

static void *io_begin(void *arg) {
    io_thread_t *self = arg;
    pthread_mutex_lock(&io.lock);
    while (io.running != self) {
        pthread_cond_wait(&io.changed, &io.lock);
    }
    self->fn(io_index());
    self->has_ended = true;
    io.running = NULL;
    pthread_cond_broadcast(&io.changed);
    pthread_mutex_unlock(&io.lock);
    return NULL;
}

static void io_let_time_pass(void) {
    io.step();
    machine_take_interrupts();
    machine.now_ns += io.step_ns;
    machine.looks = 0;
    for (unsigned i = 0; i < io.thread_count; ++i) {
        io_thread_t *thread = &io.thread[i];
        if (thread->word && thread->deadline_ns <= machine.now_ns) {
            thread->word = NULL;
            thread->result = WAIT_TIMEOUT;
        }
    }
}

/* Each of those that can run, once. False: none can. */
static bool io_run_all(void) {
    bool some = false;
    for (unsigned i = 0; i < io.thread_count; ++i) {
        if (!io.thread[i].has_ended && !io.thread[i].word) {
            some = true;
            io_run(&io.thread[i]);
        }
    }
    return some;
}

static bool io_have_ended(void) {
    for (unsigned i = 0; i < io.thread_count; ++i) {
        if (!io.thread[i].has_ended) {
            return false;
        }
    }
    return true;
}

/* Runs `fn` in `count` threads, to their end; thread i is on CPU i. */
static void io_threads(unsigned count, void (*fn)(unsigned index)) {
    CHECK(count <= IO_THREADS);
    pthread_mutex_lock(&io.lock);
    memset(io.thread, 0, sizeof(io.thread));
    io.thread_count = count;
    for (unsigned i = 0; i < count; ++i) {
        io.thread[i].fn = fn;
        CHECK_EQ(pthread_create(&io.thread[i].host, NULL, io_begin, &io.thread[i]), 0);
    }
    while (!io_have_ended()) {
        if (!io_run_all()) {
            io_let_time_pass();
        }
    }
    pthread_mutex_unlock(&io.lock);
    for (unsigned i = 0; i < count; ++i) {
        CHECK_EQ(pthread_join(io.thread[i].host, NULL), 0);
    }
}

/* The sector that a request which the device has taken is about. */
static inline uint64_t io_sector(unsigned queue, uint16_t head) {
    uint64_t sector;
    ring_copy(&device.queue[queue].ring.chain[head], false, 8, (uint8_t *)&sector, sizeof(sector));
    return sector;
}

/* Takes all that it is told of. */
static void io_take_all(void) {
    for (unsigned i = 0; i < device.queue_count; ++i) {
        while (blk_take(i)) {
        }
    }
}

static void io_open(unsigned index) {
    (void)index;
    pci_function_t function;
    disks_init();
    CHECK(pci_find(&pci_model_acpi, 0, 3, &function));
    disk_attach(&function);
    io.disk = disk_find_from(0);
    CHECK(io.disk);
}

static void io_close(unsigned index) {
    (void)index;
    disk_detach(device.pci.segment, device.pci.slot);
    disk_release(io.disk);
}

/* A machine with the device, and the disk found. */
static void io_start(const blk_options_t *options, const char *timeout) {
    memset(&io, 0, sizeof(io));
    io.timeout = timeout;
    io.step = blk_run;
    io.step_ns = MS;
    pthread_mutex_init(&io.lock, NULL);
    pthread_cond_init(&io.changed, NULL);
    for (unsigned i = 0; i < IO_CPUS; ++i) {
        io_cpus[i].boot.index = i;
        io_cpus[i].boot.apic_id = i;
    }
    start(options);
    io_threads(1, io_open);
}

/* Nothing is left. */
static void io_end(void) {
    io_threads(1, io_close);
    CHECK_EQ(io.pieces, 0);
    CHECK_EQ(machine_end(), 0);
    device_end();
}

/* A buffer of whole pages that devices reach. */
static inline uint8_t *io_buffer(size_t len) {
    void *memory;
    CHECK(posix_memalign(&memory, IO_PAGE, len) == 0);
    memset(memory, 0, len);
    machine_share(memory, len);
    return memory;
}

static inline void io_free(uint8_t *buffer) {
    machine_unshare(buffer);
    free(buffer);
}

#endif // MICROPY_INCLUDED_TESTS_HOST_DISK_IO_WORLD_H
