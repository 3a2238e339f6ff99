/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A call, in every order that its steps can come in, against a model of it: what each step does, and when it may
 * come. Who asks, who replies and who closes take turns, so nothing ever has to wait. */
#include "tests/host/call_world.h"
#include "tests/host/unit.h"

#define STEPS 7

enum {
    BEGIN,
    NEXT,
    REPLY,
    REPLY_NOTHING,
    TAKE,
    GIVE_UP,
    CLOSE,
    CLOSE_IF_IDLE,
    ABANDON,
    CHOICES,
};

typedef enum _stage_t {
    IDLE,
    REQUESTED,
    RUNNING,
    REPLIED,
    ABANDONED,
} stage_t;

static struct {
    interpreter_t *callee;
    stage_t stage;
    bool closed;
    bool is_asking;      /* Somebody waits for the reply. */
    bool has_ended;      /* The callee's main thread. */
    bool is_working;     /* That: it has a request. */
    uint32_t asked;      /* The last request's number. */
    bool has_reply;
} model;

/* Goes on as another thread. */
static void be(world_thread_t *thread) {
    self = thread;
}

#define CALLEE (&threads[0])
#define ASKER (&threads[1])

static bool may_come(unsigned choice) {
    switch (choice) {
        case BEGIN:
            return !model.is_asking;
        case NEXT: // Otherwise it would wait.
            return !model.is_working && !model.has_ended && (model.stage == REQUESTED || model.closed);
        case REPLY:
        case REPLY_NOTHING:
            return model.is_working;
        case TAKE:
            return model.is_asking && (model.stage == REPLIED || model.stage == ABANDONED);
        case GIVE_UP:
            return model.is_asking;
        case ABANDON: // A thread that crashes has closed it before.
            return model.closed;
        default:
            return true;
    }
}

static void begin(void) {
    message_t *request = new_message(0);
    uint32_t number = content_of(request).number;
    interpreter_hold(model.callee);
    bool ok = call_begin(model.callee, request);
    CHECK_EQ(ok, model.stage == IDLE && !model.closed);
    if (!ok) {
        message_free(request);
        interpreter_release(model.callee);
        return;
    }
    model.stage = REQUESTED;
    model.is_asking = true;
    model.asked = number;
}

static void next(void) {
    wait_result_t result = call_next(&model.callee->call);
    CHECK(result == (model.stage == REQUESTED ? WAIT_WOKEN : WAIT_CHANGED));
    if (result == WAIT_WOKEN) {
        CHECK_EQ(content_of(thread_current()->reading).number, model.asked);
        model.stage = RUNNING;
        model.is_working = true;
    } else {
        model.has_ended = true;
    }
}

static void reply(bool has_reply) {
    message_t *message = has_reply ? new_message(model.asked) : NULL;
    message_end();
    model.is_working = false;
    call_reply(&model.callee->call, message);
    if (model.stage == RUNNING) {
        model.stage = model.is_asking ? REPLIED : IDLE;
        model.has_reply = has_reply;
    }
}

static void take(void) {
    CHECK(call_wait() == WAIT_WOKEN);
    bool has_reply = call_take();
    CHECK_EQ(has_reply, model.stage == REPLIED && model.has_reply);
    if (has_reply) {
        CHECK_EQ(content_of(thread_current()->reading).request, model.asked);
        message_end();
    }
    CHECK(!thread_current()->reading && !thread_current()->callee);
    model.stage = model.stage == REPLIED ? IDLE : ABANDONED;
    model.is_asking = false;
}

static void give_up(void) {
    call_thread_ends(thread_current());
    model.stage = model.stage == REPLIED ? IDLE : model.stage;
    model.is_asking = false;
}

static void close_call(bool if_idle) {
    bool ok = call_close(&model.callee->call, if_idle);
    CHECK_EQ(ok, !model.closed && !(if_idle && model.stage != IDLE));
    model.closed |= ok;
}

static void abandon(void) {
    call_abandon(&model.callee->call);
    if (model.stage == REQUESTED || model.stage == RUNNING) {
        model.stage = ABANDONED;
    }
}

static void check_state(void) {
    be(ASKER);
    CHECK_EQ(call_is_closed(&model.callee->call), model.closed);
    CHECK_EQ(call_is_running(&model.callee->call), model.stage != IDLE);
    if (model.is_asking && (model.stage == REQUESTED || model.stage == RUNNING)) {
        thread_interrupt(thread_current());
        CHECK(call_wait() == WAIT_INTERRUPTED);
    }
}

static void make_step(unsigned choice) {
    be(choice == NEXT || choice == REPLY || choice == REPLY_NOTHING ? CALLEE : ASKER);
    switch (choice) {
        case BEGIN:
            begin();
            break;
        case NEXT:
            next();
            break;
        case REPLY:
        case REPLY_NOTHING:
            reply(choice == REPLY);
            break;
        case TAKE:
            take();
            break;
        case GIVE_UP:
            give_up();
            break;
        case CLOSE:
        case CLOSE_IF_IDLE:
            close_call(choice == CLOSE_IF_IDLE);
            break;
        case ABANDON:
            abandon();
            break;
    }
    check_state();
}

/* The end of the callee, whatever it is in, and of who asks. */
static void end_all(void) {
    be(ASKER);
    if (model.is_asking) {
        give_up();
    }
    call_close(&model.callee->call, false);
    be(CALLEE);
    call_thread_ends(thread_current());
    call_abandon(&model.callee->call);
    CHECK_EQ(model.callee->object.refs, 1);
    interpreter_release(model.callee);
    check_messages_are_freed();
}

/* False where one of the steps may not come, and which that is. */
static bool play(const uint8_t *steps, unsigned *failed) {
    memset(&model, 0, sizeof(model));
    model.callee = new_interpreter(1);
    bool ok = true;
    for (unsigned i = 0; ok && i < STEPS; ++i) {
        ok = may_come(steps[i]);
        if (ok) {
            make_step(steps[i]);
        } else {
            *failed = i;
        }
    }
    end_all();
    return ok;
}

static void play_all(unsigned index) {
    (void)index;
    uint8_t steps[STEPS] = { 0 };
    unsigned at = 0;
    uint64_t played = 0;
    do {
        at = STEPS - 1;
        played += play(steps, &at);
        // The next one that differs from this at the latest there.
        while (at < STEPS && ++steps[at] == CHOICES) {
            steps[at] = 0;
            --at;
        }
        if (at < STEPS) {
            memset(&steps[at + 1], 0, STEPS - 1 - at);
        }
    } while (at < STEPS);
    CHECK(played > 10000);
}

TEST(in_any_order_each_message_is_freed_once_and_each_call_ends_as_it_must) {
    start();
    run_all(1, play_all);
    check_all_memory_is_free();
}
