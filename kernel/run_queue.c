/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "kernel/run_queue.h"

void run_queue_push(run_queue_t *queue, run_link_t *link) {
    unsigned priority = link->priority;
    link->next = NULL;
    if (queue->first[priority]) {
        queue->last[priority]->next = link;
    } else {
        queue->first[priority] = link;
    }
    queue->last[priority] = link;
    ++queue->count;
}

void run_queue_push_front(run_queue_t *queue, run_link_t *link) {
    unsigned priority = link->priority;
    link->next = queue->first[priority];
    if (!link->next) {
        queue->last[priority] = link;
    }
    queue->first[priority] = link;
    ++queue->count;
}

run_link_t *run_queue_pop(run_queue_t *queue) {
    int priority = run_queue_highest(queue);
    if (priority < 0) {
        return NULL;
    }
    run_link_t *link = queue->first[priority];
    queue->first[priority] = link->next;
    --queue->count;
    return link;
}

int run_queue_highest(const run_queue_t *queue) {
    for (int priority = RUN_PRIORITIES - 1; queue->count && priority >= 0; --priority) {
        if (queue->first[priority]) {
            return priority;
        }
    }
    return -1;
}
