/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "kernel/run_queue.h"
#include "tests/host/unit.h"

#define LINKS 6

static run_queue_t queue;
static run_link_t links[LINKS];

static void reset(const uint8_t priorities[LINKS]) {
    memset(&queue, 0, sizeof(queue));
    for (int i = 0; i < LINKS; ++i) {
        links[i] = (run_link_t) { .priority = priorities[i] };
    }
}

static void check_order(const int *order, int count) {
    for (int i = 0; i < count; ++i) {
        CHECK(queue.count == (uint32_t)(count - i));
        CHECK(run_queue_highest(&queue) == links[order[i]].priority);
        CHECK(run_queue_pop(&queue) == &links[order[i]]);
    }
    CHECK(run_queue_highest(&queue) == -1 && !run_queue_pop(&queue) && !queue.count);
}

TEST(empty_queue_gives_nothing) {
    reset((uint8_t[LINKS]) { 0 });
    check_order(NULL, 0);
}

TEST(first_come_first_served) {
    reset((uint8_t[LINKS]) { 1, 1, 1, 1, 1, 1 });
    for (int i = 0; i < LINKS; ++i) {
        run_queue_push(&queue, &links[i]);
    }
    check_order((int[]) { 0, 1, 2, 3, 4, 5 }, LINKS);
}

TEST(higher_goes_before_lower) {
    reset((uint8_t[LINKS]) { 0, 2, 1, 0, 2, 1 });
    for (int i = 0; i < LINKS; ++i) {
        run_queue_push(&queue, &links[i]);
    }
    check_order((int[]) { 1, 4, 2, 5, 0, 3 }, LINKS);
}

TEST(front_of_its_priority) {
    reset((uint8_t[LINKS]) { 1, 1, 2, 1, 0, 1 });
    run_queue_push_front(&queue, &links[0]); // The first, and so the last one too.
    run_queue_push(&queue, &links[1]);
    run_queue_push(&queue, &links[2]);
    run_queue_push_front(&queue, &links[3]);
    run_queue_push_front(&queue, &links[4]);
    run_queue_push(&queue, &links[5]);
    check_order((int[]) { 2, 3, 0, 1, 5, 4 }, LINKS);
}

TEST(queue_is_used_again) {
    reset((uint8_t[LINKS]) { 1, 1 });
    for (int round = 0; round < 3; ++round) {
        run_queue_push(&queue, &links[0]);
        run_queue_push(&queue, &links[1]);
        check_order((int[]) { 0, 1 }, 2);
    }
}
