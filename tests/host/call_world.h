/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Requests and replies of unit_call*.c. Each message has a number, and holds an object of that number: so it is seen
 * when it is freed. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_CALL_WORLD_H
#define MICROPY_INCLUDED_TESTS_HOST_CALL_WORLD_H

#include <setjmp.h>

#include "kernel/call.h"
#include "kernel/interpreters.h"
#include "kernel/message.h"
#include "tests/host/memory_world.h"
#include "tests/host/thread_world.h"
#include "tests/host/check.h"

#define MOST_MESSAGES 1024

typedef struct _token_t {
    kobject_t object;
    uint32_t freed; /* Atomic. */
} token_t;

static token_t tokens[MOST_MESSAGES];
static uint32_t messages_made; /* Atomic. */
static uint32_t interpreters_freed; /* Atomic. */

static message_t *free_token(kobject_t *object) {
    CHECK_EQ(__atomic_fetch_add(&((token_t *)object)->freed, 1, __ATOMIC_RELAXED), 0);
    return NULL;
}

/* A reply says which request it is for. */
typedef struct _content_t {
    uint32_t number, request;
} content_t;

static message_t *new_message(uint32_t request) {
    uint32_t number = __atomic_fetch_add(&messages_made, 1, __ATOMIC_RELAXED);
    CHECK(number < MOST_MESSAGES);
    content_t content = { number, request };
    message_t *message = message_new(&content, sizeof(content));
    CHECK(message);
    tokens[number] = (token_t) { { 1, free_token }, 0 };
    CHECK(message_add(message, 0, &tokens[number].object));
    kobject_release(&tokens[number].object);
    return message;
}

static content_t content_of(const message_t *message) {
    content_t content;
    CHECK_EQ(message->size, sizeof(content));
    message_copy(message, &content);
    CHECK_EQ(__atomic_load_n(&tokens[content.number].freed, __ATOMIC_RELAXED), 0);
    return content;
}

/* Each has been freed, once. */
static void check_messages_are_freed(void) {
    for (uint32_t i = 0; i < messages_made; ++i) {
        CHECK_EQ(tokens[i].freed, 1);
    }
    messages_made = 0;
}

static message_t *free_interpreter(kobject_t *object) {
    __atomic_fetch_add(&interpreters_freed, 1, __ATOMIC_RELAXED);
    free(object);
    return NULL;
}

/* Of an interpreter nothing is looked at but its call, and whether it is dead. It lies in memory of the host, so that
 * the sanitizer sees its end. */
static interpreter_t *new_interpreter(uint32_t refs) {
    interpreter_t *interpreter = calloc(1, sizeof(*interpreter));
    interpreter->object = (kobject_t) { refs, free_interpreter };
    interpreter->running = 1;
    return interpreter;
}

void interpreter_hold(interpreter_t *self) {
    kobject_hold(&self->object);
}

void interpreter_release(interpreter_t *self) {
    kobject_release(&self->object);
}

static uint64_t given_up; /* Calls of threads that ended; atomic. */

/* Where a thread goes on that has ended, as another one. */
static _Thread_local jmp_buf *on_exit_to;

_Noreturn void thread_exit(void) {
    CHECK(on_exit_to);
    __atomic_fetch_add(&given_up, thread_current()->callee != NULL, __ATOMIC_RELAXED);
    call_thread_ends(thread_current());
    longjmp(*on_exit_to, 1);
}

static void start(void) {
    start_machine();
    memory_start();
}

#endif // MICROPY_INCLUDED_TESTS_HOST_CALL_WORLD_H
