/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <stddef.h>

#include "kernel/call.h"
#include "kernel/interpreters.h"

/* The state's lower bits, and two beside them. */
enum {
    IDLE,
    CLAIMED,   /* Somebody is about to ask. */
    REQUESTED,
    RUNNING,
    REPLIED,
    ABANDONED,
    STAGE = 7,
    CLOSED = 8,
    GIVEN_UP = 16, /* Nobody takes the reply. */
};

static uint32_t state_of(call_t *call) {
    return __atomic_load_n(&call->state, __ATOMIC_ACQUIRE);
}

static void advance(call_t *call, uint32_t from, uint32_t to) {
    __atomic_fetch_add(&call->state, to - from, __ATOMIC_ACQ_REL); // CLOSED stays as it is.
    wait_wake(&call->state, WAKE_ALL);
}

bool call_begin(interpreter_t *callee, message_t *request) {
    call_t *call = &callee->call;
    uint32_t idle = IDLE;
    if (!__atomic_compare_exchange_n(&call->state, &idle, CLAIMED, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
        return false;
    }
    thread_current()->callee = callee;
    call->message = request;
    __atomic_store_n(&call->begun, 0, __ATOMIC_RELAXED);
    advance(call, CLAIMED, REQUESTED);
    return true;
}

wait_result_t call_wait(void) {
    call_t *call = &thread_current()->callee->call;
    uint32_t state, stage;
    while ((stage = (state = state_of(call)) & STAGE) != REPLIED && stage != ABANDONED) {
        if (wait_on_interruptible(&call->state, state, WAIT_FOREVER) == WAIT_INTERRUPTED) {
            return WAIT_INTERRUPTED;
        }
    }
    return WAIT_WOKEN;
}

void call_set_begun(call_t *call) {
    __atomic_store_n(&call->begun, 1, __ATOMIC_RELEASE);
    wait_wake(&call->begun, WAKE_ALL);
}

bool call_wait_begun(void) {
    call_t *call = &thread_current()->callee->call;
    while (!__atomic_load_n(&call->begun, __ATOMIC_ACQUIRE)) {
        if (wait_on_interruptible(&call->begun, 0, WAIT_FOREVER) == WAIT_INTERRUPTED) {
            return false;
        }
    }
    return true;
}

bool call_take(void) {
    interpreter_t *callee = thread_current()->callee;
    call_t *call = &callee->call;
    message_t *reply = NULL;
    if ((state_of(call) & STAGE) == REPLIED) {
        reply = call->message;
        if (reply) {
            message_begin(reply);
        }
        advance(call, REPLIED, IDLE);
    }
    thread_current()->callee = NULL;
    interpreter_release(callee);
    return reply;
}

/* Whether it was still in `*state`, which becomes what it is now otherwise. */
static bool change(call_t *call, uint32_t *state, uint32_t to) {
    bool ok = __atomic_compare_exchange_n(&call->state, state, to, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    if (ok) {
        wait_wake(&call->state, WAKE_ALL);
    }
    return ok;
}

static void give_up(call_t *call) {
    uint32_t state = state_of(call);
    bool replied;
    message_t *reply;
    do {
        replied = (state & STAGE) == REPLIED;
        reply = replied ? call->message : NULL; // Else it may be changing.
    } while (!change(call, &state, replied ? state - REPLIED + IDLE : state | GIVEN_UP));
    if (replied && reply) {
        message_free(reply);
    }
}

void call_thread_ends(thread_t *thread) {
    if (thread->callee) {
        give_up(&thread->callee->call);
        interpreter_release(thread->callee);
        thread->callee = NULL;
    }
    if (thread->closing) {
        __atomic_store_n(&thread->closing->reaped, false, __ATOMIC_RELEASE);
        thread->closing = NULL;
    }
    if (thread->sending) {
        message_free(thread->sending);
        thread->sending = NULL;
    }
    while (thread->reading) {
        message_t *message = thread->reading;
        thread->reading = message->next;
        message_free(message);
    }
}

wait_result_t call_next(call_t *call) {
    uint32_t state;
    do {
        while (((state = state_of(call)) & STAGE) != REQUESTED) {
            if (state & CLOSED && (state & STAGE) != CLAIMED) {
                return WAIT_CHANGED;
            }
            if (wait_on_interruptible(&call->state, state, WAIT_FOREVER) == WAIT_INTERRUPTED) {
                return WAIT_INTERRUPTED;
            }
        }
    } while (!change(call, &state, state - REQUESTED + RUNNING)); // It may be closed, or given up, meanwhile.
    message_begin(call->message);
    return WAIT_WOKEN;
}

void call_reply(call_t *call, message_t *reply) {
    call->message = reply;
    uint32_t state = state_of(call);
    bool is_wanted;
    do {
        is_wanted = (state & (STAGE | GIVEN_UP)) == RUNNING;
        if ((state & STAGE) == ABANDONED) {
            break;
        }
    } while (!change(call, &state, is_wanted ? state - RUNNING + REPLIED : (state & CLOSED) | IDLE));
    if (!is_wanted && reply) {
        message_free(reply);
    }
}

bool call_is_running(call_t *call) {
    return (state_of(call) & STAGE) != IDLE;
}

bool call_is_closed(call_t *call) {
    return state_of(call) & CLOSED;
}

bool call_close(call_t *call, bool if_idle) {
    uint32_t state = state_of(call);
    do {
        if (state & CLOSED || (if_idle && (state & STAGE) != IDLE)) {
            return false;
        }
    } while (!__atomic_compare_exchange_n(&call->state, &state, state | CLOSED, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
    wait_wake(&call->state, WAKE_ALL);
    return true;
}

void call_abandon(call_t *call) {
    uint32_t state, stage;
    while ((stage = (state = state_of(call)) & STAGE) == CLAIMED) {
        wait_on(&call->state, state, WAIT_FOREVER);
    }
    call_set_begun(call);
    while (stage == REQUESTED || stage == RUNNING) {
        if (change(call, &state, state - stage + ABANDONED)) {
            if (stage == REQUESTED) {
                message_free(call->message);
            }
            return;
        }
        stage = state & STAGE;
    }
}
