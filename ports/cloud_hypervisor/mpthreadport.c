/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "py/cstack.h"
#include "py/gc.h"
#include "py/mphal.h"
#include "py/mpstate.h"
#include "py/mpthread.h"
#include "py/runtime.h"
#include "shared/runtime/gchelper.h"

#include "kernel/clock.h"
#include "kernel/interpreter.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "session.h"

#if MICROPY_PY_THREAD

#define DEFAULT_STACK_SIZE (128 * 1024)
#define MINIMUM_STACK_SIZE (64 * 1024)

// CPython's switch interval.
#define SWITCH_INTERVAL_NS 5000000

// The part of a state that the collector looks at.
#define STATE_ROOTS ((sizeof(mp_state_thread_t) - offsetof(mp_state_thread_t, dict_locals)) / sizeof(void *))

// Of a thread other than the main one it lies at the top of its stack.
typedef struct _py_thread_t {
    struct _py_thread_t *next;
    thread_t *thread;
    mp_state_thread_t state;   // While it is not `state_owner`.
    uintptr_t sp;              // Where its stack ended, and what its registers held, when it last; 0: not yet
    gc_helper_regs_t regs;     // released the GIL.
    void *stack;
    void *(*entry)(void *);
    void *arg;
    mp_int_t sched_state;      // Below 0: it is in a callback that waits, with the scheduler locked so often.
    bool keeps_gil;            // It waits in the middle of a collection.
    bool is_cancelled;
    bool has_ended;            // It touches nothing of the interpreter's any more.
    event_waiter_t waiters[2];
    bool looks_again;          // mp_hal_look_again()
} py_thread_t;

static py_thread_t main_thread; // The first of the list. All under the GIL.

// Whose state lies in mp_state_ctx.thread, where MP_STATE_THREAD() looks: the thread that has the GIL, or had it
// last; NULL where that has ended. Changed in an atomic section.
static py_thread_t *state_owner;
_Static_assert(offsetof(mp_state_ctx_t, thread) == 0, "mp_thread_get_state()");

// Of the GIL. It is a word like a mutex's, and beyond that can be handed over: then it stays locked.
enum { FREE, LOCKED, CONTENDED };
static bool is_handed_over; // To the first of the waiters to find this.
static bool is_wanted;      // Somebody has waited for the switch interval.

static py_thread_t *current(void) {
    py_thread_t *self = thread_current()->arg;
    return self ? self : &main_thread;
}

event_waiter_t *mp_thread_waiters(void) {
    return current()->waiters;
}

bool *mp_thread_looks_again(void) {
    return &current()->looks_again;
}

void mp_thread_ask_attention(void) {
    uint64_t state = MICROPY_BEGIN_ATOMIC_SECTION();
    if (MP_STATE_VM(sched_state) == MP_SCHED_IDLE) {
        MP_STATE_VM(sched_state) = MP_SCHED_PENDING;
    }
    MICROPY_END_ATOMIC_SECTION(state);
}

// Has the main thread look at what is pending, wherever it waits.
static void interrupt_main(void) {
    mp_thread_ask_attention();
    thread_interrupt(main_thread.thread);
}

// In place of upstream's, which knows the main thread's state by its address. Any context.
void mp_sched_exception(mp_obj_t exception) {
    mp_uint_t atomic = MICROPY_BEGIN_ATOMIC_SECTION();
    mp_state_thread_t *state = state_owner == &main_thread ? &mp_state_ctx.thread : &main_thread.state;
    state->mp_pending_exception = exception;
    MICROPY_END_ATOMIC_SECTION(atomic);
    interrupt_main();
}

void mp_thread_cancel_main(void) {
    __atomic_store_n(&main_thread.is_cancelled, true, __ATOMIC_RELEASE);
    interrupt_main();
}

bool mp_thread_is_interrupted(void) {
    const py_thread_t *self = current();
    mp_uint_t atomic = MICROPY_BEGIN_ATOMIC_SECTION();
    const mp_state_thread_t *state = state_owner == self ? &mp_state_ctx.thread : &self->state;
    bool is_pending = state->mp_pending_exception != MP_OBJ_NULL;
    MICROPY_END_ATOMIC_SECTION(atomic);
    return is_pending || __atomic_load_n(&self->is_cancelled, __ATOMIC_ACQUIRE);
}

void mp_thread_wake_main(void) {
    thread_interrupt(main_thread.thread); // First: if it waits for an event, this is that wait's end, not the next one's.
    mp_hal_signal_event();
}

static void ask_attention_if_pending(void) {
    if (MP_STATE_THREAD(mp_pending_exception) != MP_OBJ_NULL) {
        mp_thread_ask_attention();
    }
}

// The GIL.

static uint32_t *gil(void) {
    return &MP_STATE_VM(gil_mutex).state;
}

static void gil_enter(void);

// Without the GIL. The main thread's end is that of the interpreter.
static _Noreturn void end_cancelled(py_thread_t *self) {
    if (self == &main_thread) {
        self->is_cancelled = false;
        gil_enter();
        session_end();
        MP_THREAD_GIL_EXIT();
    }
    self->has_ended = true;
    thread_exit();
}

static void wait_for_gil(py_thread_t *self) {
    uint64_t deadline_ns = clock_monotonic_ns() + SWITCH_INTERVAL_NS;
    while (__atomic_exchange_n(gil(), CONTENDED, __ATOMIC_ACQUIRE) != FREE) {
        wait_result_t result = wait_on_interruptible(gil(), CONTENDED, deadline_ns);
        if (result == WAIT_WOKEN && __atomic_exchange_n(&is_handed_over, false, __ATOMIC_ACQ_REL)) {
            return;
        }
        if (__atomic_load_n(&self->is_cancelled, __ATOMIC_ACQUIRE)) {
            end_cancelled(self);
        }
        if (result == WAIT_TIMEOUT) {
            __atomic_store_n(&is_wanted, true, __ATOMIC_RELEASE);
            mp_thread_ask_attention();
            deadline_ns = clock_monotonic_ns() + SWITCH_INTERVAL_NS;
        }
    }
}

static void gil_release(void) {
    if (__atomic_exchange_n(gil(), FREE, __ATOMIC_RELEASE) == CONTENDED) {
        wait_wake(gil(), 1);
    }
}

// The scheduler is locked for the thread that runs a callback, not for those that run while that waits: locked, it
// hears nobody who asks for attention.
static void unlock_scheduler(py_thread_t *self) {
    mp_uint_t state = MICROPY_BEGIN_ATOMIC_SECTION();
    if (MP_STATE_VM(sched_state) < 0) {
        self->sched_state = MP_STATE_VM(sched_state);
        MP_STATE_VM(sched_state) = MP_SCHED_PENDING;
    }
    MICROPY_END_ATOMIC_SECTION(state);
}

static void lock_scheduler_again(py_thread_t *self) {
    if (self->sched_state < 0) {
        mp_uint_t state = MICROPY_BEGIN_ATOMIC_SECTION();
        MP_STATE_VM(sched_state) = self->sched_state;
        MICROPY_END_ATOMIC_SECTION(state);
        self->sched_state = 0;
    }
}

// A thread that takes the GIL twice in a row, as when it is alone, copies nothing.
static void take_state(py_thread_t *self) {
    mp_uint_t atomic = MICROPY_BEGIN_ATOMIC_SECTION();
    if (state_owner) {
        state_owner->state = mp_state_ctx.thread;
    }
    mp_state_ctx.thread = self->state;
    state_owner = self;
    MICROPY_END_ATOMIC_SECTION(atomic);
}

static void begin_turn(py_thread_t *self) {
    if (__atomic_load_n(&self->is_cancelled, __ATOMIC_ACQUIRE)) {
        gil_release();
        end_cancelled(self);
    }
    if (state_owner != self) {
        take_state(self);
    }
}

static void gil_enter(void) {
    py_thread_t *self = current();
    if (self->keeps_gil) {
        self->keeps_gil = false;
        return;
    }
    uint32_t state = FREE;
    if (!__atomic_compare_exchange_n(gil(), &state, LOCKED, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
        wait_for_gil(self);
    }
    begin_turn(self);
    lock_scheduler_again(self);
    ask_attention_if_pending(); // The flag that told of it may have been taken down by another thread.
}

// Takes down what a collection by another thread is to see of this one, as long as that has the GIL. The caller
// has put the registers that a called function keeps below its frame's address, by __builtin_unwind_init().
static void remember(uintptr_t *frame) {
    py_thread_t *self = current();
    memcpy(self->regs, frame - MP_ARRAY_SIZE(self->regs), sizeof(self->regs));
    self->sp = (uintptr_t)frame;
}

// What a finaliser waits for, others wait for too: half of the heap is swept.
static bool is_collecting(void) {
    return MP_STATE_THREAD(gc_lock_depth) & GC_COLLECT_FLAG;
}

static MP_NOINLINE void gil_exit(void) {
    if (is_collecting()) {
        current()->keeps_gil = true;
        return;
    }
    __builtin_unwind_init();
    remember(__builtin_frame_address(0));
    if (MP_STATE_VM(sched_state) < 0) {
        unlock_scheduler(current());
    }
    gil_release();
}

// Hands the GIL to a thread that waits for it, and waits in its turn.
static MP_NOINLINE void gil_hand_over(void) {
    __builtin_unwind_init();
    remember(__builtin_frame_address(0));
    __atomic_store_n(&is_handed_over, true, __ATOMIC_RELEASE);
    if (!wait_wake(gil(), 1) && __atomic_exchange_n(&is_handed_over, false, __ATOMIC_ACQ_REL)) {
        return; // Nobody is waiting just now.
    }
    wait_for_gil(current());
    begin_turn(current());
}

void mp_thread_tell_callback(void) {
    mp_obj_t exception = MP_STATE_THREAD(mp_pending_exception);
    if (exception != MP_OBJ_NULL) {
        mp_obj_exception_clear_traceback(exception); // A callback may have had it.
        if (MP_STATE_VM(sched_state) < 0) {
            nlr_raise(exception);
        }
    }
}

static void handle_pending(void) {
    mp_thread_tell_callback();
    mp_handle_pending(true);
}

void mp_thread_attention(void) {
    if (__atomic_load_n(&main_thread.is_cancelled, __ATOMIC_ACQUIRE) && current() == &main_thread && !is_collecting()) {
        gil_release();
        end_cancelled(&main_thread);
    }
    handle_pending();
    // A callback runs to its end first.
    if (__atomic_load_n(&is_wanted, __ATOMIC_ACQUIRE) && MP_STATE_VM(sched_state) >= 0) {
        __atomic_store_n(&is_wanted, false, __ATOMIC_RELEASE);
        gil_hand_over();
        handle_pending();
    }
    ask_attention_if_pending(); // It may have come while a callback ran.
}

// Mutexes.

void mp_thread_mutex_init(mp_thread_mutex_t *mutex) {
    mutex->state = FREE;
}

int mp_thread_mutex_lock(mp_thread_mutex_t *mutex, int wait) {
    if (mutex == &MP_STATE_VM(gil_mutex)) {
        gil_enter();
        return 1;
    }
    return wait ? mutex_lock_until(mutex, WAIT_FOREVER) : mutex_try_lock(mutex);
}

void mp_thread_mutex_unlock(mp_thread_mutex_t *mutex) {
    if (mutex == &MP_STATE_VM(gil_mutex)) {
        gil_exit();
    } else {
        mutex_unlock(mutex);
    }
}

bool mp_thread_mutex_lock_until(mp_thread_mutex_t *mutex, uint64_t deadline_ns) {
    wait_result_t result = mutex_try_lock(mutex) ? WAIT_WOKEN : WAIT_INTERRUPTED;
    while (result == WAIT_INTERRUPTED && deadline_ns) {
        handle_pending();
        MP_THREAD_GIL_EXIT();
        result = mutex_lock_interruptible(mutex, deadline_ns);
        MP_THREAD_GIL_ENTER();
    }
    return result == WAIT_WOKEN;
}

// Threads.

void mp_thread_init(void) {
    memset(&main_thread, 0, sizeof(main_thread));
    main_thread.thread = thread_current();
    state_owner = &main_thread;
}

mp_uint_t mp_thread_get_id(void) {
    return (uintptr_t)current();
}

mp_uint_t mp_thread_get_main_id(void) {
    return (uintptr_t)&main_thread;
}

static void run(void *arg) {
    py_thread_t *self = arg;
    self->entry(self->arg);
}

// Takes the threads that have ended out of the list, with all that is theirs. Those need a moment at most, and not
// the GIL, to be gone.
static void bury(bool wait) {
    py_thread_t **at = &main_thread.next;
    while (*at) {
        py_thread_t *thread = *at;
        if ((wait || thread->has_ended) && thread_join(thread->thread, WAIT_FOREVER)) {
            *at = thread->next;
            interpreter_stack_free(thread->stack);
        } else {
            at = &thread->next;
        }
    }
}

// NULL where memory is missing.
static py_thread_t *create(void *(*entry)(void *), void *arg, size_t *stack_size) {
    char *stack = interpreter_stack_new(stack_size);
    if (!stack) {
        return NULL;
    }
    py_thread_t *self = (py_thread_t *)(stack + *stack_size) - 1;
    *self = (py_thread_t) { .next = main_thread.next, .stack = stack, .entry = entry, .arg = arg };
    thread_options_t options = {
        .name = "python",
        .priority = RUN_PRIORITY_NORMAL,
        .stack_top = (void *)((uintptr_t)self & ~(uintptr_t)15),
        .stack_bottom = (uintptr_t)stack,
    };
    self->thread = thread_create(&options, run, self);
    if (!self->thread) {
        interpreter_stack_free(stack);
        return NULL;
    }
    main_thread.next = self;
    return self;
}

mp_uint_t mp_thread_create(void *(*entry)(void *), void *arg, size_t *stack_size) {
    bury(false);
    *stack_size = MAX(*stack_size ? *stack_size : DEFAULT_STACK_SIZE, MINIMUM_STACK_SIZE);
    py_thread_t *thread = create(entry, arg, stack_size);
    if (!thread) {
        gc_collect(); // It gives back what others hold that are gone: threads, interpreters, shared memory.
        thread = create(entry, arg, stack_size);
    }
    if (!thread) {
        mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("can't create thread"));
    }
    return (uintptr_t)thread;
}

void mp_thread_start(void) {
    py_thread_t *self = current();
    mp_cstack_init_with_top(self, (uintptr_t)self - (uintptr_t)self->stack);
}

void mp_thread_finish(void) {
    current()->has_ended = true;
    if (MP_STATE_VM(sched_state) == MP_SCHED_PENDING) {
        interrupt_main(); // What this one has not come to run, and others may have left to it.
    }
    mp_uint_t atomic = MICROPY_BEGIN_ATOMIC_SECTION();
    state_owner = NULL;
    MICROPY_END_ATOMIC_SECTION(atomic);
}

void mp_thread_deinit(void) {
    for (py_thread_t *thread = main_thread.next; thread; thread = thread->next) {
        __atomic_store_n(&thread->is_cancelled, true, __ATOMIC_RELEASE);
        thread_interrupt(thread->thread);
    }
    MP_THREAD_GIL_EXIT();
    bury(true);
    MP_THREAD_GIL_ENTER();
    mp_thread_module_reset();
}

void mp_thread_gc_others(void) {
    bury(false);
    for (py_thread_t *thread = &main_thread; thread; thread = thread->next) {
        if (thread == current() || thread->has_ended) {
            continue;
        }
        gc_collect_root(&thread->arg, 1);
        gc_collect_root((void **)&thread->state.dict_locals, STATE_ROOTS);
        if (thread->sp) {
            gc_collect_root((void **)thread->regs, MP_ARRAY_SIZE(thread->regs));
            gc_collect_root((void **)thread->sp, ((uintptr_t)thread->state.stack_top - thread->sp) / sizeof(uintptr_t));
        }
    }
}

#endif // MICROPY_PY_THREAD
