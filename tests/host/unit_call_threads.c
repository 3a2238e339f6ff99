/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Calls on several CPUs at once: some ask one interpreter, and are interrupted, or end, or their interpreters die; it
 * is closed meanwhile, or crashes. Built with the thread sanitizer. */
#include "tests/host/call_world.h"
#include "tests/host/unit.h"

#define ROUNDS 3000
#define ASKERS 3
#define CALLS 6 /* That each asker tries in a round. */

/* The threads. */
enum {
    MAIN, /* The callee's. */
    FIRST_ASKER,
    CLOSER = FIRST_ASKER + ASKERS,
    CRASHER, /* Another thread of the callee, and who kills the askers. */
    THREADS,
};

static pthread_barrier_t barrier;
static interpreter_t *callee, *asking[ASKERS]; /* New ones each round. */
static bool closed; /* Atomic: call_close() has returned. */
static uint32_t busy_askers; /* Atomic. */

/* A round in which nobody is interrupted or crashes, and the callee is closed when it has done all: only what the
 * others do ends a wait. */
static bool quiet;

/* What has become of calls, of all rounds; atomic. */
static uint64_t asked, begun, refused, answered, unanswered, taken, replied_nothing, closed_idle, died, crashed;

static void count(uint64_t *what) {
    __atomic_fetch_add(what, 1, __ATOMIC_RELAXED);
}

/* Some time for the others. */
static void nap(void) {
    for (unsigned spins = world_random() % 4; spins; --spins) {
        cpu_relax();
    }
    world_preempt();
}

static bool one_in(unsigned number) {
    return !(world_random() % number);
}

/* A thread ends where it takes the GIL again, or by the interrupt that its interpreter's death sends. */
static void end_if_dead(void) {
    if (interpreter_is_dead(thread_current()->interpreter)) {
        thread_exit();
    }
}

static void maybe_end(void) {
    end_if_dead();
    if (one_in(16)) {
        thread_exit();
    }
}

static void ask(void) {
    count(&asked);
    bool was_closed = __atomic_load_n(&closed, __ATOMIC_ACQUIRE);
    message_t *request = new_message(0);
    uint32_t number = content_of(request).number;
    interpreter_hold(callee);
    if (!call_begin(callee, request)) {
        message_free(request);
        interpreter_release(callee);
        count(&refused);
        return;
    }
    CHECK(!was_closed);
    count(&begun);
    nap();
    maybe_end();
    while (call_wait() == WAIT_INTERRUPTED) {
        maybe_end();
    }
    maybe_end();
    bool has_reply = call_take();
    count(has_reply ? &answered : &unanswered);
    if (has_reply) {
        CHECK_EQ(content_of(thread_current()->reading).request, number);
        nap();
        maybe_end();
        message_end();
    }
}

static void ask_often(void) {
    jmp_buf end;
    on_exit_to = &end;
    for (volatile unsigned i = 0; i < CALLS; ++i) {
        if (!setjmp(end)) {
            ask();
        } else {
            if (interpreter_is_dead(thread_current()->interpreter)) {
                break;
            }
        }
        nap();
    }
    interpreter_release(callee);
    __atomic_fetch_sub(&busy_askers, 1, __ATOMIC_ACQ_REL);
}

/* As kernel/interpreter_death.c, by any thread of the callee. */
static void crash(void) {
    __atomic_store_n(&callee->dead, true, __ATOMIC_SEQ_CST);
    call_close(&callee->call, false);
    __atomic_store_n(&closed, true, __ATOMIC_RELEASE);
    nap();
    thread_interrupt(&threads[MAIN].kernel);
    call_abandon(&callee->call);
    count(&crashed);
}

static void serve(void) {
    wait_result_t result;
    while ((result = call_next(&callee->call)) != WAIT_CHANGED) {
        if (result == WAIT_INTERRUPTED) {
            continue;
        }
        count(&taken);
        uint32_t number = content_of(thread_current()->reading).number;
        nap();
        if (!quiet && one_in(64)) {
            crash();
        }
        end_if_dead();
        message_end();
        message_t *reply = one_in(8) ? NULL : new_message(number);
        __atomic_fetch_add(&replied_nothing, !reply, __ATOMIC_RELAXED);
        nap();
        call_reply(&callee->call, reply);
    }
}

static void be_main_thread(void) {
    jmp_buf end;
    on_exit_to = &end;
    if (!setjmp(end)) {
        serve();
    } else {
        count(&died);
    }
    __atomic_store_n(&callee->running, 0, __ATOMIC_RELEASE);
    wait_wake(&callee->running, WAKE_ALL);
}

/* As interpreter_close(). */
static void close_callee(void) {
    unsigned naps = world_random() % 60;
    while ((quiet || naps--) && __atomic_load_n(&busy_askers, __ATOMIC_ACQUIRE)) {
        nap();
    }
    bool if_idle;
    do {
        if_idle = quiet || world_random() % 2;
        nap();
    } while (!call_close(&callee->call, if_idle) && !call_is_closed(&callee->call));
    __atomic_store_n(&closed, true, __ATOMIC_RELEASE);
    CHECK(!call_close(&callee->call, if_idle));
    if (if_idle && !interpreter_is_dead(callee)) {
        CHECK(!call_is_running(&callee->call));
        count(&closed_idle);
    }
    while (__atomic_load_n(&callee->running, __ATOMIC_ACQUIRE)) {
        wait_on(&callee->running, 1, WAIT_FOREVER);
    }
    call_abandon(&callee->call);
    interpreter_release(callee);
}

static void disturb(void) {
    for (unsigned naps = quiet ? 0 : world_random() % 30; naps; --naps) {
        nap();
        unsigned asker = world_random() % ASKERS;
        if (one_in(16)) {
            __atomic_store_n(&asking[asker]->dead, true, __ATOMIC_SEQ_CST);
        }
        thread_interrupt(&threads[one_in(4) ? MAIN : FIRST_ASKER + asker].kernel);
    }
    if (!quiet && one_in(4)) {
        // At any time, or just when a request comes.
        uint64_t seen = __atomic_load_n(&asked, __ATOMIC_RELAXED);
        while (__atomic_load_n(&asked, __ATOMIC_RELAXED) == seen && __atomic_load_n(&busy_askers, __ATOMIC_ACQUIRE)) {
        }
        crash();
    }
    interpreter_release(callee);
}

static void begin_round(void) {
    closed = false;
    quiet = one_in(4);
    busy_askers = ASKERS;
    callee = new_interpreter(1 + ASKERS + 1); // It itself, and who knows it.
    threads[MAIN].kernel.interpreter = threads[CRASHER].kernel.interpreter = callee;
    for (unsigned i = 0; i < ASKERS; ++i) {
        asking[i] = new_interpreter(1);
        threads[FIRST_ASKER + i].kernel.interpreter = asking[i];
    }
}

static void end_round(uint32_t round) {
    for (unsigned i = 0; i < ASKERS; ++i) {
        interpreter_release(asking[i]);
    }
    CHECK_EQ(interpreters_freed, (1 + ASKERS) * round);
    CHECK_EQ(begun, answered + unanswered + given_up);
    static uint64_t unanswered_before, replied_nothing_before, crashed_before;
    if (crashed == crashed_before) { // Then what has begun is replied to.
        CHECK(unanswered - unanswered_before <= replied_nothing - replied_nothing_before);
    }
    unanswered_before = unanswered;
    replied_nothing_before = replied_nothing;
    crashed_before = crashed;
    check_messages_are_freed();
}

static void play(unsigned index) {
    if (index == MAIN) {
        be_main_thread();
    } else if (index == CLOSER) {
        close_callee();
    } else if (index == CRASHER) {
        disturb();
    } else {
        ask_often();
    }
}

static void play_rounds(unsigned index) {
    for (uint32_t round = 1; round <= ROUNDS; ++round) {
        if (index == MAIN) {
            begin_round();
        }
        pthread_barrier_wait(&barrier);
        play(index);
        pthread_barrier_wait(&barrier);
        if (index == MAIN) {
            end_round(round);
        }
    }
}

TEST(each_request_is_answered_or_abandoned_once_and_nobody_waits_for_ever) {
    start();
    pthread_barrier_init(&barrier, NULL, THREADS);
    run_all(THREADS, play_rounds);
    check_all_memory_is_free();
    CHECK(taken <= begun);
    CHECK(answered && unanswered && given_up && refused && closed_idle && died && crashed);
}
