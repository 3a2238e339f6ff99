/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Who may run, by priority, and within a priority in the order of their coming. Pure; the caller
 * holds the lock of the queue. All zero: empty. */
#ifndef MICROPY_INCLUDED_KERNEL_RUN_QUEUE_H
#define MICROPY_INCLUDED_KERNEL_RUN_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A higher one always goes before a lower one. */
typedef enum _run_priority_t {
    RUN_PRIORITY_LOW,
    RUN_PRIORITY_NORMAL,
    RUN_PRIORITY_HIGH, /* For threads that serve a device: they run shortly, and wait. */
    RUN_PRIORITIES,
} run_priority_t;

/* Part of who is queued, in one queue at a time. */
typedef struct _run_link_t {
    struct _run_link_t *next;
    uint8_t priority; /* run_priority_t; not to be changed while queued. */
} run_link_t;

typedef struct _run_queue_t {
    run_link_t *first[RUN_PRIORITIES];
    run_link_t *last[RUN_PRIORITIES];
    uint32_t count;
} run_queue_t;

/* To the end of its priority. */
void run_queue_push(run_queue_t *queue, run_link_t *link);

/* Before all others of its priority: for one that had to make way and has not had its time. */
void run_queue_push_front(run_queue_t *queue, run_link_t *link);

/* Takes out the first one of the highest priority; NULL where there is none. */
run_link_t *run_queue_pop(run_queue_t *queue);

/* The priority of what run_queue_pop() would give, or -1. */
int run_queue_highest(const run_queue_t *queue);

#endif // MICROPY_INCLUDED_KERNEL_RUN_QUEUE_H
