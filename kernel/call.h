/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A call: a thread of one interpreter asks the main thread of another to do something, and waits. One at a
 * time. Thread context, all of these. */
#ifndef MICROPY_INCLUDED_KERNEL_CALL_H
#define MICROPY_INCLUDED_KERNEL_CALL_H

#include <stdbool.h>

#include "kernel/message.h"
#include "kernel/wait.h"

struct _interpreter_t;
struct _thread_t;

typedef struct _call_t {
    uint32_t state; /* kernel/call.c; what is waited on. */
    struct _message_t *message; /* The request, then the reply. */
    uint32_t begun;  /* The callee is about what it was asked for, or has ended. */
} call_t;

/* Asks another interpreter, which the caller holds and this keeps until call_take(). False where another call is on its
 * way, or it has ended; then both stay the caller's. */
bool call_begin(struct _interpreter_t *callee, message_t *request);

/* Waits for the reply to what this thread has asked: WAIT_WOKEN, and call_take() follows; or WAIT_INTERRUPTED
 * (thread_interrupt()), and this is to be called again. */
wait_result_t call_wait(void);

/* Waits until the callee is about what it was asked for: what it is told from then on is about that. False: by
 * thread_interrupt(), and this is to be called again. */
bool call_wait_begun(void);

/* Takes the reply: message_begin(). False: the other has ended, or has no memory for one. */
bool call_take(void);

/* For the end of a thread: what it has asked for and what it reads nobody will take. */
void call_thread_ends(struct _thread_t *thread);

/* The main thread's side: waits for a request. WAIT_WOKEN: it has one, message_begin(), and call_reply() follows.
 * WAIT_CHANGED: it is to end. WAIT_INTERRUPTED: by thread_interrupt(). */
wait_result_t call_next(call_t *call);
void call_reply(call_t *call, message_t *reply);

/* Behind call_next(): what the callee was told before is done with. */
void call_set_begun(call_t *call);

/* Whether there is a call that was not replied to. */
bool call_is_running(call_t *call);

/* Whether call_close() was. */
bool call_is_closed(call_t *call);

/* No call begins any more. What runs goes on; only `if_idle`: false where that is so, and nothing is changed. */
bool call_close(call_t *call, bool if_idle);

/* Who waits for a reply gets none. The callee is closed, and its main thread has ended, or is about to: what that still
 * does is for nobody. */
void call_abandon(call_t *call);

#endif // MICROPY_INCLUDED_KERNEL_CALL_H
