/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Queues, on several CPUs at once. Built with the thread sanitizer. */
#include <setjmp.h>

#include "kernel/interpreters.h"
#include "kernel/queue.h"

#include "tests/host/memory_world.h"
#include "tests/host/thread_world.h"
#include "tests/host/unit.h"

/* What a message holds, so that it is seen when that is freed. */
typedef struct _token_t {
    kobject_t object;
    uint32_t freed; /* Atomic. */
} token_t;

static message_t *free_token(kobject_t *object) {
    __atomic_fetch_add(&((token_t *)object)->freed, 1, __ATOMIC_RELAXED);
    return NULL;
}

/* Takes the message for this test alone, which frees it. */
static wait_result_t take(queue_t *queue, message_t **message, uint64_t deadline_ns) {
    wait_result_t result = queue_get(queue, deadline_ns);
    if (result == WAIT_WOKEN) {
        *message = thread_current()->reading;
        thread_current()->reading = (*message)->next;
    }
    return result;
}

typedef struct _content_t {
    uint32_t putter, number;
} content_t;

static message_t *new_message(content_t content) {
    message_t *message = message_new(&content, sizeof(content));
    CHECK(message);
    return message;
}

static content_t content_of(message_t *message) {
    content_t content;
    CHECK_EQ(message->size, sizeof(content));
    message_copy(message, &content);
    return content;
}

static void put_number(queue_t *queue, uint32_t number) {
    CHECK(queue_put(queue, new_message((content_t) { 0, number }), 0) == WAIT_WOKEN);
}

static uint32_t get_number(queue_t *queue) {
    message_t *message;
    CHECK(take(queue, &message, 0) == WAIT_WOKEN);
    uint32_t number = content_of(message).number;
    message_free(message);
    return number;
}

static void start(void) {
    start_machine();
    memory_start();
}

/* Ends the thread: as longjmp() where a test wants that. */
static _Thread_local jmp_buf *on_exit_to;

_Noreturn void thread_exit(void) {
    CHECK(on_exit_to);
    longjmp(*on_exit_to, 1);
}

static void use_alone(unsigned index) {
    (void)index;
    queue_t *queue = queue_new(0);
    for (unsigned round = 0; round < 3; ++round) {
        for (uint32_t i = 0; i < 10; ++i) {
            CHECK_EQ(queue_count(queue), i);
            put_number(queue, i);
        }
        for (uint32_t i = 0; i < 10; ++i) {
            CHECK_EQ(get_number(queue), i);
        }
    }
    CHECK(queue_is(&queue->object));
    kobject_release(&queue->object);
}

TEST(messages_come_out_in_the_order_of_their_coming) {
    start();
    run_all(1, use_alone);
    check_all_memory_is_free();
}

static void wait_in_vain(unsigned index) {
    (void)index;
    queue_t *queue = queue_new(2);
    message_t *message;
    for (unsigned i = 0; i < 20; ++i) {
        uint64_t deadline = i % 2 ? soon() : 0;
        CHECK(take(queue, &message, deadline) == WAIT_TIMEOUT);
        CHECK(clock_monotonic_ns() >= deadline);
    }
    put_number(queue, 1);
    put_number(queue, 2);
    message = new_message((content_t) { 0, 3 });
    for (unsigned i = 0; i < 20; ++i) {
        uint64_t deadline = i % 2 ? soon() : 0;
        CHECK(queue_put(queue, message, deadline) == WAIT_TIMEOUT);
        CHECK(clock_monotonic_ns() >= deadline);
        CHECK_EQ(queue_count(queue), 2);
    }
    thread_interrupt(thread_current());
    CHECK(queue_put(queue, message, after(LONG_NS)) == WAIT_INTERRUPTED);
    CHECK_EQ(get_number(queue), 1);
    CHECK(queue_put(queue, message, 0) == WAIT_WOKEN);
    CHECK_EQ(get_number(queue), 2);
    CHECK_EQ(get_number(queue), 3);
    thread_interrupt(thread_current());
    CHECK(take(queue, &message, after(LONG_NS)) == WAIT_INTERRUPTED);
    kobject_release(&queue->object);
}

TEST(what_a_full_or_an_empty_queue_cannot_do_ends_in_time_or_by_an_interrupt) {
    start();
    run_all(1, wait_in_vain);
    check_all_memory_is_free();
}

static void find_alone(unsigned index) {
    (void)index;
    queue_t *queues[5];
    for (unsigned i = 0; i < 5; ++i) {
        queues[i] = queue_new(i);
        CHECK_EQ(queues[i]->id, i + 1);
    }
    for (unsigned i = 0; i < 5; ++i) {
        CHECK(queue_find_from(i + 1) == queues[i]);
        kobject_release(&queues[i]->object);
    }
    CHECK(!queue_find_from(6));
    CHECK(!queue_find_from(UINT64_MAX));
    // The last one, one in the middle, the first one, all the others.
    static const unsigned order[] = { 4, 2, 0, 3, 1 };
    for (unsigned i = 0; i < 5; ++i) {
        kobject_release(&queues[order[i]]->object);
        queue_t *queue = queue_new(0);
        CHECK_EQ(queue->id, 6 + i); // No id is used again, and the list goes on behind what is left.
        CHECK(queue_find_from(queue->id) == queue);
        kobject_release(&queue->object);
        kobject_release(&queue->object);
        CHECK(!queue_find_from(queue->id));
    }
    CHECK(!queue_find_from(0));
}

TEST(a_queue_is_found_by_its_id_as_long_as_it_is_held) {
    start();
    run_all(1, find_alone);
    check_all_memory_is_free();
}

static token_t left[20];

static void leave_some(unsigned index) {
    (void)index;
    queue_t *queue = queue_new(0);
    kobject_hold(&queue->object);
    for (unsigned i = 0; i < 20; ++i) {
        left[i] = (token_t) { { 1, free_token }, 0 };
        message_t *message = new_message((content_t) { 0, i });
        CHECK(message_add(message, 0, &left[i].object));
        kobject_release(&left[i].object);
        CHECK(queue_put(queue, message, 0) == WAIT_WOKEN);
    }
    kobject_release(&queue->object);
    for (unsigned i = 0; i < 20; ++i) {
        CHECK_EQ(left[i].freed, 0);
    }
    kobject_release(&queue->object);
    for (unsigned i = 0; i < 20; ++i) {
        CHECK_EQ(left[i].freed, 1);
    }
    memory_leave(0);
    CHECK(!queue_new(0));
    CHECK(!queue_find_from(0));
    memory_restore();
}

TEST(what_is_left_in_it_is_freed_with_its_last_holder) {
    start();
    run_all(1, leave_some);
    check_all_memory_is_free();
}

static uintptr_t freed_at;

static message_t *note_stack(kobject_t *object) {
    free_token(object);
    freed_at = (uintptr_t)__builtin_frame_address(0);
    return NULL;
}

#define CHAIN 5000

static void free_chain(unsigned index) {
    (void)index;
    token_t last = { { 1, note_stack }, 0 };
    kobject_t *object = &last.object;
    for (unsigned i = 0; i < CHAIN; ++i) {
        queue_t *queue = queue_new(0);
        for (unsigned n = 0; n < 2; ++n) {
            message_t *message = new_message((content_t) { 0, n });
            CHECK(message_add(message, 0, object));
            CHECK(queue_put(queue, message, 0) == WAIT_WOKEN);
        }
        kobject_release(object);
        object = &queue->object;
    }
    kobject_release(object);
    CHECK_EQ(last.freed, 1);
    CHECK((uintptr_t)__builtin_frame_address(0) - freed_at < 4096);
}

TEST(queues_in_queues_are_freed_without_a_stack_as_deep) {
    start();
    run_all(1, free_chain);
    check_all_memory_is_free();
}

/* Some put, as many get; the last one interrupts them. Of some, nothing but what they wait for ends a wait. */
#define PUTTERS 3
#define MESSAGES 5000

static queue_t *queue;
static unsigned putters;
static token_t tokens[PUTTERS][MESSAGES];
static uint32_t got[PUTTERS][MESSAGES]; /* Atomic. */
static uint32_t busy; /* Atomic. */

static bool waits_only_for_the_queue(unsigned index) {
    return putters == 1 || index % 3 == 0;
}

static uint64_t some_deadline(unsigned index) {
    return waits_only_for_the_queue(index) || world_random() % 2 ? after(LONG_NS) : world_random() % 4 ? soon() : 0;
}

static void check_failed_try(unsigned index, wait_result_t result, uint64_t deadline) {
    CHECK(result == WAIT_TIMEOUT || result == WAIT_INTERRUPTED);
    CHECK(result != WAIT_TIMEOUT || clock_monotonic_ns() >= deadline);
    CHECK(!waits_only_for_the_queue(index));
    CHECK(result != WAIT_TIMEOUT || deadline < clock_monotonic_ns() + LONG_NS / 2);
}

static void put_all(unsigned index) {
    for (uint32_t i = 0; i < MESSAGES; ++i) {
        message_t *message = new_message((content_t) { index, i });
        tokens[index][i] = (token_t) { { 1, free_token }, 0 };
        CHECK(message_add(message, 0, &tokens[index][i].object));
        kobject_release(&tokens[index][i].object);
        wait_result_t result;
        uint64_t deadline = some_deadline(index);
        while ((result = queue_put(queue, message, deadline)) != WAIT_WOKEN) {
            check_failed_try(index, result, deadline);
            deadline = some_deadline(index);
        }
    }
}

/* Each gets as many; what one putter has put comes in its order. */
static void get_share(unsigned index) {
    uint32_t next[PUTTERS] = { 0 };
    for (unsigned i = 0; i < MESSAGES; ++i) {
        message_t *message;
        wait_result_t result;
        uint64_t deadline = some_deadline(index);
        while ((result = take(queue, &message, deadline)) != WAIT_WOKEN) {
            check_failed_try(index, result, deadline);
            deadline = some_deadline(index);
        }
        content_t content = content_of(message);
        CHECK(content.number >= next[content.putter]);
        next[content.putter] = content.number + 1;
        CHECK_EQ(__atomic_fetch_add(&got[content.putter][content.number], 1, __ATOMIC_RELAXED), 0);
        CHECK(message_object(message, 0) == &tokens[content.putter][content.number].object);
        message_free(message);
        CHECK_EQ(tokens[content.putter][content.number].freed, 1);
    }
}

static void put_or_get(unsigned index) {
    if (index < 2 * putters) {
        (index < putters ? put_all : get_share)(index);
        __atomic_fetch_sub(&busy, 1, __ATOMIC_RELAXED);
        return;
    }
    while (__atomic_load_n(&busy, __ATOMIC_RELAXED)) {
        unsigned other = world_random() % (2 * putters);
        if (!waits_only_for_the_queue(other)) {
            thread_interrupt(&threads[other].kernel);
        }
        size_t count = queue_count(queue);
        CHECK(!queue->limit || count <= queue->limit);
        cpu_relax();
    }
}

static void give_up(unsigned index) {
    (void)index;
    CHECK_EQ(queue_count(queue), 0);
    kobject_release(&queue->object);
}

static void put_and_get_by_all(unsigned putters_count, size_t limit) {
    start();
    queue = queue_new(limit);
    putters = putters_count;
    busy = 2 * putters;
    run_all(2 * putters + 1, put_or_get);
    run_all(1, give_up);
    check_all_memory_is_free();
}

TEST(no_message_and_no_wake_up_is_lost_between_two) {
    put_and_get_by_all(1, 1);
}

TEST(no_message_and_no_wake_up_is_lost_where_one_fits) {
    put_and_get_by_all(3, 1);
}

TEST(no_message_and_no_wake_up_is_lost_where_some_fit) {
    put_and_get_by_all(3, 4);
}

TEST(no_message_and_no_wake_up_is_lost_without_a_limit) {
    put_and_get_by_all(3, 0);
}

/* Two make queues, with a message in each, and give them up; the others find them meanwhile, and may be the last ones
 * to hold them. */
#define MAKERS 2
#define FINDERS 3
#define MADE 2000

static token_t made[MAKERS][MADE];
static uint32_t found_count; /* Atomic. */

static void make_queues(unsigned index) {
    uint64_t last_id = 0;
    for (unsigned i = 0; i < MADE; ++i) {
        queue_t *mine = queue_new(0);
        CHECK(mine && mine->id > last_id);
        last_id = mine->id;
        made[index][i] = (token_t) { { 1, free_token }, 0 };
        message_t *message = new_message((content_t) { index, i });
        CHECK(message_add(message, 0, &made[index][i].object));
        kobject_release(&made[index][i].object);
        CHECK(queue_put(mine, message, 0) == WAIT_WOKEN);
        for (unsigned spins = world_random() % 4; spins; --spins) {
            cpu_relax();
        }
        kobject_release(&mine->object);
    }
    __atomic_fetch_sub(&busy, 1, __ATOMIC_RELAXED);
}

static void find_queues(void) {
    uint64_t id = 0;
    while (__atomic_load_n(&busy, __ATOMIC_RELAXED)) {
        queue_t *found = queue_find_from(id);
        if (!found) {
            id = 0;
            continue;
        }
        CHECK(found->id >= id);
        id = found->id + world_random() % 2;
        __atomic_fetch_add(&found_count, 1, __ATOMIC_RELAXED);
        message_t *message;
        if (take(found, &message, 0) == WAIT_WOKEN) {
            content_t content = content_of(message);
            CHECK_EQ(__atomic_load_n(&made[content.putter][content.number].freed, __ATOMIC_RELAXED), 0);
            CHECK(queue_put(found, message, 0) == WAIT_WOKEN);
        }
        kobject_release(&found->object);
    }
}

static void make_or_find(unsigned index) {
    if (index < MAKERS) {
        make_queues(index);
    } else {
        find_queues();
    }
}

TEST(a_queue_that_is_just_given_up_is_found_alive_or_not_at_all) {
    start();
    busy = MAKERS;
    run_all(MAKERS + FINDERS, make_or_find);
    CHECK(found_count);
    for (unsigned i = 0; i < MAKERS * MADE; ++i) {
        CHECK_EQ(made[i / MADE][i % MADE].freed, 1);
    }
    CHECK(!queue_find_from(0));
    check_all_memory_is_free();
}

/* An interpreter dies, one of whose threads waits before that of another. What wakes the first is for the second. */
static interpreter_t dying;

static bool is_waiting(unsigned index) {
    return __atomic_load_n(&threads[index].kernel.bucket, __ATOMIC_ACQUIRE);
}

static void get_and_die(void) {
    jmp_buf end;
    threads[0].kernel.interpreter = &dying;
    on_exit_to = &end;
    if (!setjmp(end)) {
        message_t *message;
        take(queue, &message, after(LONG_NS));
        CHECK(!"a dead one's thread goes on");
    }
    on_exit_to = NULL;
}

static void wait_behind_one_that_dies(unsigned index) {
    if (!index) {
        get_and_die();
    } else if (index == 1) {
        while (!is_waiting(0)) {
            cpu_relax();
        }
        message_t *message;
        CHECK(take(queue, &message, after(LONG_NS)) == WAIT_WOKEN);
        message_free(message);
    } else {
        while (!is_waiting(0) || !is_waiting(1)) {
            cpu_relax();
        }
        __atomic_store_n(&dying.dead, true, __ATOMIC_SEQ_CST); // As interpreter_kill() does, before it interrupts.
        put_number(queue, 1);
    }
}

TEST(a_message_that_wakes_a_thread_of_a_dead_interpreter_wakes_another_too) {
    start();
    queue = queue_new(0);
    run_all(3, wait_behind_one_that_dies);
    run_all(1, give_up);
    check_all_memory_is_free();
}
