/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A queue of messages that threads of all interpreters put in and take out. Who waits sleeps, and is woken on
 * whatever CPU. Thread context. */
#ifndef MICROPY_INCLUDED_KERNEL_QUEUE_H
#define MICROPY_INCLUDED_KERNEL_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "boot/spinlock.h"
#include "kernel/kobject.h"
#include "kernel/message.h"
#include "kernel/wait.h"

typedef struct _queue_t {
    kobject_t object;
    struct _queue_t *next; /* Of all queues: kernel/queue.c. */
    uint64_t id;           /* From 1 on, never used again. */
    size_t limit;          /* At most so many messages; 0: no limit. */
    spinlock_t lock;       /* Of the messages. */
    message_t *first, **end;
    size_t count;
    uint32_t puts, gets;   /* How many there were; what is waited on. */
} queue_t;

/* A new one, which the caller holds. NULL where memory is missing. */
queue_t *queue_new(size_t limit);

/* Whether the object is a queue. */
bool queue_is(const kobject_t *object);

/* That of the lowest id from there on, held; NULL: there is none. */
queue_t *queue_find_from(uint64_t id);

/* Puts a message in, or takes the oldest out, and waits for that until the monotonic clock reaches `deadline_ns`; 0:
 * it does not wait. WAIT_WOKEN: done. WAIT_TIMEOUT: the queue is still full, or empty. WAIT_INTERRUPTED: by
 * thread_interrupt().
 * What was not put in is noted in thread_t.sending, to be freed if the thread ends; who keeps it takes it out there.
 * What was taken out is as after message_begin(). */
wait_result_t queue_put(queue_t *queue, message_t *message, uint64_t deadline_ns);
wait_result_t queue_get(queue_t *queue, uint64_t deadline_ns);

/* How many messages are in it now. */
size_t queue_count(queue_t *queue);

#endif // MICROPY_INCLUDED_KERNEL_QUEUE_H
