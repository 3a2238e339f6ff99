/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <stddef.h>

#include "boot/cpu.h"
#include "boot/layout.h"
#include "boot/paging.h"
#include "kernel/interpreters.h"
#include "kernel/panic.h"
#include "kernel/sched.h"
#include "kernel/thread.h"
#include "kernel/wait.h"

#define BUCKETS 64 // A power of two.

typedef struct _wait_bucket_t {
    spinlock_t lock;
    thread_t *first, *last; // In the order of their coming.
} wait_bucket_t;

#ifdef KERNEL_DEBUG
static wait_bucket_t buckets[BUCKETS] = { [0 ... BUCKETS - 1] = { .lock = SPINLOCK_INIT(LOCK_RANK_WAIT) } };
#else
static wait_bucket_t buckets[BUCKETS]; // Zeroed memory takes no room in the file.
#endif

/* The interpreter in whose memory the word is; NULL: the kernel's. */
static const void *space_of(const uint32_t *word) {
    uintptr_t at = (uintptr_t)word;
    return at >= WINDOW_BASE && at < AREA_END ? thread_current()->interpreter : NULL;
}

static wait_bucket_t *bucket_of(const uint32_t *word, const void *space) {
    uint64_t hash = ((uintptr_t)word >> 2 ^ (uintptr_t)space >> PAGE_SHIFT) * 0x9e3779b97f4a7c15;
    return &buckets[hash >> 32 & (BUCKETS - 1)];
}

/* The bucket's lock is held for these two. Where a thread waits is looked at without it too: end_wait(). */

static void enqueue(wait_bucket_t *bucket, thread_t *thread) {
    thread->wait_next = NULL;
    thread->wait_previous = bucket->last;
    *(bucket->last ? &bucket->last->wait_next : &bucket->first) = thread;
    bucket->last = thread;
    __atomic_store_n(&thread->bucket, bucket, __ATOMIC_RELEASE);
    thread->state = THREAD_WAITING;
}

static void dequeue(wait_bucket_t *bucket, thread_t *thread, wait_result_t result) {
    thread->wait_result = result;
    *(thread->wait_previous ? &thread->wait_previous->wait_next : &bucket->first) = thread->wait_next;
    *(thread->wait_next ? &thread->wait_next->wait_previous : &bucket->last) = thread->wait_previous;
    __atomic_store_n(&thread->bucket, NULL, __ATOMIC_RELEASE);
    thread->state = THREAD_READY;
}

/* Ends the wait of a thread, if it is in one; unless `any`, in an interruptible one. */
static void end_wait(thread_t *thread, wait_result_t result, bool any) {
    wait_bucket_t *bucket = __atomic_load_n(&thread->bucket, __ATOMIC_SEQ_CST);
    if (!bucket) {
        return;
    }
    uint64_t flags = spin_lock_nofault(&bucket->lock);
    bool ends = thread->bucket == bucket && (any || thread->interruptible);
    if (ends) {
        if (result == WAIT_INTERRUPTED) {
            __atomic_store_n(&thread->interrupted, 0, __ATOMIC_RELAXED);
        }
        dequeue(bucket, thread, result);
    }
    spin_unlock(&bucket->lock);
    if (ends) {
        sched_ready(thread);
    }
    interrupts_restore(flags);
}

static void on_deadline(ktimer_t *timer) {
    // timer_stop() of the thread waits for the end of this: what it ends is the wait that it is for.
    end_wait((thread_t *)((uint8_t *)timer - offsetof(thread_t, timer)), WAIT_TIMEOUT, true);
}

void thread_interrupt(thread_t *thread) {
    // The thread puts itself into the bucket before it looks at this.
    __atomic_store_n(&thread->interrupted, 1, __ATOMIC_SEQ_CST);
    end_wait(thread, WAIT_INTERRUPTED, false);
}

/* A debug build: who holds a spin lock, or has interrupts off for another reason, may not wait. */
static void check_may_wait(uint64_t flags) {
    #ifdef KERNEL_DEBUG
    if (!(flags & RFLAGS_IF)) {
        panic("a wait with interrupts off");
    }
    #else
    (void)flags;
    #endif
}

static wait_result_t wait(const uint32_t *word, uint32_t expected, uint64_t deadline_ns, bool interruptible) {
    thread_t *thread = thread_current();
    const void *space = space_of(word);
    wait_bucket_t *bucket = bucket_of(word, space);
    uint64_t flags = spin_lock_nofault(&bucket->lock);
    check_may_wait(flags);
    if (__atomic_load_n(word, __ATOMIC_RELAXED) != expected) {
        spin_unlock_irqrestore(&bucket->lock, flags);
        return WAIT_CHANGED;
    }
    thread->wait_word = word;
    thread->wait_space = space;
    thread->interruptible = interruptible;
    enqueue(bucket, thread);
    if (interruptible && __atomic_exchange_n(&thread->interrupted, 0, __ATOMIC_SEQ_CST)) {
        dequeue(bucket, thread, WAIT_INTERRUPTED);
        spin_unlock_irqrestore(&bucket->lock, flags);
        return WAIT_INTERRUPTED;
    }
    spin_unlock(&bucket->lock); // Interrupts stay off until another thread runs here.
    if (deadline_ns != WAIT_FOREVER) {
        timer_start(&thread->timer, deadline_ns, on_deadline);
    }
    sched_block();
    if (deadline_ns != WAIT_FOREVER) {
        timer_stop(&thread->timer);
    }
    interrupts_restore(flags);
    return thread->wait_result;
}

wait_result_t wait_on(const uint32_t *word, uint32_t expected, uint64_t deadline_ns) {
    return wait(word, expected, deadline_ns, false);
}

wait_result_t wait_on_interruptible(const uint32_t *word, uint32_t expected, uint64_t deadline_ns) {
    wait_result_t result = wait(word, expected, deadline_ns, true);
    const interpreter_t *interpreter = interpreter_current();
    if (interpreter && interpreter_is_dead(interpreter)) {
        if (result == WAIT_WOKEN) {
            wait_wake(word, 1); // It was meant for somebody who goes on.
        }
        thread_exit();
    }
    return result;
}

uint32_t wait_wake(const uint32_t *word, uint32_t count) {
    const void *space = space_of(word);
    wait_bucket_t *bucket = bucket_of(word, space);
    thread_t *woken = NULL, **end = &woken;
    uint32_t found = 0;
    uint64_t flags = spin_lock_nofault(&bucket->lock);
    for (thread_t *at = bucket->first, *next; at && found < count; at = next) {
        next = at->wait_next;
        if (at->wait_word == word && at->wait_space == space) {
            dequeue(bucket, at, WAIT_WOKEN);
            *end = at;
            end = &at->wait_next;
            *end = NULL;
            ++found;
        }
    }
    spin_unlock(&bucket->lock);
    while (woken) {
        thread_t *next = woken->wait_next; // Before it runs, and waits again.
        sched_ready(woken);
        woken = next;
    }
    if (flags & RFLAGS_IF) {
        sched_checkpoint();
    }
    interrupts_restore(flags);
    return found;
}
