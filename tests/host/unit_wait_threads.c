/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What threads wait by: kernel/wait.c and what is made of it, and timers, on several CPUs at once. Built with the
 * thread sanitizer, which sees the data that locks guard: it is not atomic. */
#include <sys/mman.h>

#include "boot/layout.h"
#include "kernel/condition.h"
#include "kernel/event.h"
#include "kernel/semaphore.h"
#include "tests/host/thread_world.h"
#include "tests/host/unit.h"

_Noreturn void thread_exit(void) {
    CHECK(!"no thread's interpreter dies here");
    abort();
}

static mutex_t mutex;
static uint64_t guarded, expected; /* Plain; the second is counted by atomics. */

static void lock_in_some_way(unsigned index) {
    (void)index;
    for (unsigned i = 0; i < 1500; ++i) {
        bool locked = true;
        switch (world_random() % 4) {
            case 0:
                locked = mutex_lock_until(&mutex, soon());
                break;
            case 1:
                locked = mutex_lock_interruptible(&mutex, soon()) == WAIT_WOKEN;
                break;
            case 2:
                locked = mutex_try_lock(&mutex);
                break;
            default:
                CHECK(mutex_lock_until(&mutex, after(LONG_NS)));
        }
        if (locked) {
            ++guarded;
            mutex_unlock(&mutex);
            __atomic_fetch_add(&expected, 1, __ATOMIC_RELAXED);
        }
    }
}

static void lock_or_interrupt(unsigned index) {
    if (index) {
        lock_in_some_way(index);
        return;
    }
    for (unsigned i = 0; i < 3000; ++i) {
        thread_interrupt(&threads[1 + world_random() % 5].kernel);
        cpu_relax();
    }
}

TEST(a_mutex_is_held_by_one_whatever_ends_the_waits_for_it) {
    start_machine();
    run_all(6, lock_or_interrupt);
    CHECK_EQ(guarded, expected);
    CHECK(mutex_try_lock(&mutex));
}

#define ITEMS 3000
#define RING 2

/* A pair of threads has a ring each. Of the first pair, nothing but a signal ends a wait. */
static struct {
    mutex_t mutex;
    condition_t not_full, not_empty;
    uint64_t ring[RING], put_count, taken_count, taken_sum;
} rings[3];

static void wait_for(unsigned pair, condition_t *condition) {
    bool forever = !pair || world_random() % 2;
    bool in_time = condition_wait(condition, &rings[pair].mutex, forever ? after(LONG_NS) : soon());
    CHECK(in_time || !forever);
}

static void put(unsigned pair, uint64_t item) {
    mutex_lock(&rings[pair].mutex);
    while (rings[pair].put_count - rings[pair].taken_count == RING) {
        wait_for(pair, &rings[pair].not_full);
    }
    rings[pair].ring[rings[pair].put_count++ % RING] = item;
    mutex_unlock(&rings[pair].mutex);
    condition_signal(&rings[pair].not_empty);
}

static void take(unsigned pair) {
    mutex_lock(&rings[pair].mutex);
    while (rings[pair].put_count == rings[pair].taken_count) {
        wait_for(pair, &rings[pair].not_empty);
    }
    rings[pair].taken_sum += rings[pair].ring[rings[pair].taken_count++ % RING];
    mutex_unlock(&rings[pair].mutex);
    condition_signal(&rings[pair].not_full);
}

static void put_or_take(unsigned index) {
    for (uint64_t i = 1; i <= ITEMS; ++i) {
        if (index % 2) {
            put(index / 2, i);
        } else {
            take(index / 2);
        }
    }
}

TEST(a_condition_loses_no_signal) {
    start_machine();
    run_all(6, put_or_take);
    for (unsigned pair = 0; pair < 3; ++pair) {
        CHECK_EQ(rings[pair].taken_sum, 1ull * ITEMS * (ITEMS + 1) / 2);
    }
}

/* Each pair hands one plain value to and fro. Of the first pair, nothing but a give ends a wait. */
static struct {
    semaphore_t full, empty;
    uint64_t value;
} hands[3];

static void hand_over(unsigned index) {
    semaphore_t *mine = index % 2 ? &hands[index / 2].full : &hands[index / 2].empty;
    semaphore_t *other = index % 2 ? &hands[index / 2].empty : &hands[index / 2].full;
    for (uint64_t i = 0; i < ITEMS; ++i) {
        while (!semaphore_take_until(mine, index < 2 ? after(LONG_NS) : soon())) {
            CHECK(index >= 2);
        }
        CHECK_EQ(hands[index / 2].value, 2 * i + index % 2);
        ++hands[index / 2].value;
        semaphore_give(other);
    }
}

TEST(a_semaphore_counts_each_give_once) {
    start_machine();
    for (unsigned i = 0; i < 3; ++i) {
        semaphore_give(&hands[i].empty);
    }
    run_all(6, hand_over);
    for (unsigned i = 0; i < 3; ++i) {
        CHECK_EQ(hands[i].empty.count, 1);
        CHECK_EQ(hands[i].full.count, 0);
    }
}

#define ROUNDS 2000

static event_t event;
static uint32_t round_now, answers; /* Atomic. */

static void wait_for_events(unsigned index) {
    event_waiter_t waiter = { 0 };
    for (uint32_t round = 1; round <= ROUNDS; ++round) {
        if (!index) {
            __atomic_store_n(&round_now, round, __ATOMIC_RELAXED);
            event_signal(&event);
        }
        while (__atomic_load_n(&round_now, __ATOMIC_RELAXED) < round) {
            uint64_t deadline = after(LONG_NS);
            event_wait(&event, &waiter, deadline);
            CHECK(clock_monotonic_ns() < deadline);
        }
        __atomic_fetch_add(&answers, 1, __ATOMIC_RELAXED);
        while (!index && __atomic_load_n(&answers, __ATOMIC_RELAXED) < 4 * round) {
            cpu_relax();
        }
    }
}

TEST(an_event_reaches_all_who_wait_or_are_about_to) {
    start_machine();
    run_all(4, wait_for_events);
}

static uint32_t word, waiters_left = 4;
static uint64_t woken, wakes, interrupted, interrupts; /* Atomic. */

static void wait_or_wake(unsigned index) {
    if (index >= 4) {
        while (__atomic_load_n(&waiters_left, __ATOMIC_RELAXED)) {
            if (index == 4) {
                __atomic_fetch_add(&interrupts, 1, __ATOMIC_RELAXED);
                thread_interrupt(&threads[world_random() % 4].kernel);
            } else {
                __atomic_fetch_add(&wakes, wait_wake(&word, world_random() % 3), __ATOMIC_RELAXED);
            }
        }
        return;
    }
    for (unsigned i = 0; i < 1500; ++i) {
        uint64_t deadline = soon();
        bool interruptible = world_random() % 2;
        wait_result_t result = (interruptible ? wait_on_interruptible : wait_on)(&word, 0, deadline);
        CHECK(result != WAIT_CHANGED);
        CHECK(result != WAIT_TIMEOUT || clock_monotonic_ns() >= deadline);
        CHECK(result != WAIT_INTERRUPTED || interruptible);
        __atomic_fetch_add(&woken, result == WAIT_WOKEN, __ATOMIC_RELAXED);
        __atomic_fetch_add(&interrupted, result == WAIT_INTERRUPTED, __ATOMIC_RELAXED);
    }
    CHECK(wait_on(&word, 1, WAIT_FOREVER) == WAIT_CHANGED);
    __atomic_fetch_sub(&waiters_left, 1, __ATOMIC_RELAXED);
}

TEST(each_wait_ends_for_one_reason_and_each_wake_up_ends_one) {
    start_machine();
    run_all(7, wait_or_wake);
    CHECK_EQ(woken, wakes);
    CHECK(woken && interrupted && interrupted <= interrupts);
}

static uint32_t rounds[6]; /* Atomic: which wait a thread is in, or about to be. */

static void wait_or_interrupt(unsigned index) {
    for (uint32_t round = 1; round <= ITEMS; ++round) {
        if (index % 2) {
            __atomic_store_n(&rounds[index], round, __ATOMIC_RELAXED);
            CHECK(wait_on_interruptible(&word, 0, after(LONG_NS)) == WAIT_INTERRUPTED);
            continue;
        }
        while (__atomic_load_n(&rounds[index + 1], __ATOMIC_RELAXED) < round) {
            cpu_relax();
        }
        thread_interrupt(&threads[index + 1].kernel);
    }
}

TEST(an_interrupt_just_before_a_wait_ends_it_too) {
    start_machine();
    run_all(6, wait_or_interrupt);
}

/* A timer may be started on one CPU and stopped on another. Its function and its owner share plain data. */
static struct {
    ktimer_t timer;
    uint64_t fired;
} timers[6];

static void fire(ktimer_t *timer) {
    ++*(uint64_t *)(timer + 1);
}

static void start_and_stop(unsigned index) {
    uint64_t started = 0, stopped = 0;
    ktimer_t *timer = &timers[index].timer;
    for (unsigned i = 0; i < 3000; ++i) {
        uint64_t deadline = soon();
        timer_start(timer, deadline, fire);
        ++started;
        for (unsigned spins = world_random() % 8; spins; --spins) {
            cpu_relax();
        }
        stopped += timer_stop(timer);
        CHECK_EQ(timers[index].fired + stopped, started);
    }
    CHECK(timers[index].fired && stopped);
}

TEST(a_timer_that_was_stopped_has_fired_or_never_will) {
    start_machine();
    run_all(6, start_and_stop);
}

#define SPACES 1000 /* So many that some share a bucket. */

static uint32_t gone; /* Atomic. */

static void wake_in_other_spaces(unsigned index) {
    uint32_t *private = (uint32_t *)WINDOW_BASE;
    if (index) {
        CHECK(wait_on(private, 0, after(LONG_NS)) == WAIT_WOKEN);
        __atomic_store_n(&gone, 1, __ATOMIC_RELAXED);
        return;
    }
    while (!__atomic_load_n(&threads[1].kernel.bucket, __ATOMIC_RELAXED)) {
        cpu_relax();
    }
    for (unsigned i = 1; i <= SPACES; ++i) {
        self->kernel.interpreter = (struct _interpreter_t *)(uintptr_t)(i * PAGE_SIZE); // A name only.
        CHECK_EQ(wait_wake(private, WAKE_ALL), 0);
    }
    CHECK(!__atomic_load_n(&gone, __ATOMIC_RELAXED));
    self->kernel.interpreter = NULL;
    CHECK_EQ(wait_wake(private, WAKE_ALL), 1);
}

TEST(a_word_of_an_interpreter_is_one_of_its_address_space) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
    CHECK(mmap((void *)WINDOW_BASE, PAGE_SIZE, PROT_READ | PROT_WRITE, flags, -1, 0) == (void *)WINDOW_BASE);
    start_machine();
    run_all(2, wake_in_other_spaces);
}
