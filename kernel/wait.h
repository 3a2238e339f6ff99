/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Waiting for a word of memory to change: wait queues by address, as Linux's futex. What waits on what
 * is kept by the kernel, so a lock is a word wherever it lies, and needs no end. A word in an
 * interpreter's own memory is one of that address space; another in the kernel's is everybody's.
 *
 * mutex.h, condition.h, semaphore.h and event.h are made of this. */
#ifndef MICROPY_INCLUDED_KERNEL_WAIT_H
#define MICROPY_INCLUDED_KERNEL_WAIT_H

#include <stdint.h>

#define WAIT_FOREVER UINT64_MAX

#define WAKE_ALL UINT32_MAX

typedef enum _wait_result_t {
    WAIT_WOKEN,   /* By wait_wake(). */
    WAIT_CHANGED, /* The word was not as expected; nothing was waited for. */
    WAIT_TIMEOUT,
    WAIT_INTERRUPTED, /* By thread_interrupt(). */
} wait_result_t;

/* Waits while *word is `expected`: until wait_wake() of the word, at the latest until the monotonic clock
 * reaches `deadline_ns`. Thread context, interrupts on, no lock held. */
wait_result_t wait_on(const uint32_t *word, uint32_t expected, uint64_t deadline_ns);

/* The same, and thread_interrupt() ends it too. A thread whose interpreter has died does not return from it, so it has
 * nothing that others want: kernel/interpreter_death.h. */
wait_result_t wait_on_interruptible(const uint32_t *word, uint32_t expected, uint64_t deadline_ns);

/* Has the first `count` threads that wait on the word go on. Returns how many those were. The word is not
 * read: it may be gone. Any context where the word is the kernel's, else a thread of its address space. */
uint32_t wait_wake(const uint32_t *word, uint32_t count);

#endif // MICROPY_INCLUDED_KERNEL_WAIT_H
