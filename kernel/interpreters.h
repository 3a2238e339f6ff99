/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The interpreters: each has an address space, with its data at the same address as every other, and a main
 * thread. What it has in its memory is in kernel/interpreter.h, what one asks of another in kernel/call.h. */
#ifndef MICROPY_INCLUDED_KERNEL_INTERPRETERS_H
#define MICROPY_INCLUDED_KERNEL_INTERPRETERS_H

#include "kernel/address_space.h"
#include "kernel/call.h"
#include "kernel/event.h"
#include "kernel/thread.h"
#include "kernel/timer.h"

/* What an interpreter holds of others': it is let go of with the interpreter at the latest. */
typedef struct _kept_t {
    struct _kept_t *next, **at;
    kobject_t *object;
} kept_t;

/* Kernel memory: interrupts and other interpreters reach it. */
typedef struct _interpreter_t {
    kobject_t object;      /* It itself holds this as long as it lives. */
    address_space_t space;

    /* Its memory: kernel/interpreter.c. */
    size_t stack_size;     /* Of the main thread. */
    size_t heap_size;
    size_t heap_limit;
    size_t heap_extended;  /* Bytes in extensions. */
    size_t code_used;
    uint32_t dma;          /* How many of its threads have a device at its memory. A word to wait on for 0. */
    void (*on_stack_overrun)(void);

    /* What it is told from outside. */
    event_t event;
    ktimer_t alarm;
    void (*on_alarm)(void);
    ktimer_t interrupt;
    void (*on_interrupt)(void);
    call_t call;

    /* Its life: kernel/interpreters.c. */
    struct _interpreter_t *next;
    uint64_t id;           /* 0: the main one. Never used again. */
    bool closing;          /* It was told to end. */
    bool dead;             /* None of its threads runs again: kernel/interpreter_death.c. */
    bool reaped;           /* Somebody frees it, or has. */
    uint32_t handles;      /* How many kept_t name it: who would use it. */
    uint32_t running;      /* Of its threads, how many have not ended. */
    spinlock_t lock;       /* Of what follows, and of on_interrupt. */
    thread_t *threads;     /* All that have not been joined. */
    kept_t *kept;
    void (*fn)(void);
    thread_t *main;        /* NULL in the first one, which never ends. */
} interpreter_t;

/* That of the thread that runs this. NULL in threads of the kernel's own. */
static inline interpreter_t *interpreter_current(void) {
    return thread_current()->interpreter;
}

static inline bool interpreter_is_main(const interpreter_t *interpreter) {
    return !interpreter->id;
}

/* Whether it has died (kernel/interpreter_death.h). It is to be closed then. */
static inline bool interpreter_is_dead(const interpreter_t *interpreter) {
    return __atomic_load_n(&interpreter->dead, __ATOMIC_ACQUIRE);
}

/* Notes the first one, whose id is 0. Boot CPU, once. */
void interpreters_init(interpreter_t *first);

/* Makes one, whose main thread has its data as the image has them, and calls `fn`. What that returns from is
 * the interpreter's end: its other threads must have ended. NULL where memory is missing. The caller holds it. Thread
 * context. */
interpreter_t *interpreter_new(void (*fn)(void));

/* The living one of that id, held; or NULL. Thread context. */
interpreter_t *interpreter_find(uint64_t id);

/* The living one with the lowest id from there on, held; or NULL. */
interpreter_t *interpreter_find_from(uint64_t id);

/* One that is not freed yet, living or not, held; NULL: there is only the main one. */
interpreter_t *interpreter_find_any(void);

/* Holds it once more; gives back what this and those above have held. */
void interpreter_hold(interpreter_t *interpreter);
void interpreter_release(interpreter_t *interpreter);

/* Takes over what the caller holds, for this interpreter. NULL where memory is missing; the caller holds on then.
 * Thread context. */
kept_t *interpreter_keep(kobject_t *object);

/* Lets go of it. Where an interpreter was kept: true if this was the last one to keep that. */
bool interpreter_let_go(kept_t *kept);

/* The interpreter that the object is; NULL: it is something else. */
interpreter_t *interpreter_of(kobject_t *object);

/* Whether nobody has closed it. */
static inline bool interpreter_is_alive(interpreter_t *interpreter) {
    return !call_is_closed(&interpreter->call);
}

/* Has its main thread end (call_next() returns NULL), waits for that, and gives all its memory back; what is
 * held stays until it is released. Of one that died it gives back what is left. False where somebody frees it
 * already, or it is the main one. Only `if_idle`: false, too, where it is closed or in a call; otherwise it is
 * interrupted, and has two seconds to end by itself. When thread_interrupt() ends the wait, `is_enough` says whether it has had its time.
 * Thread context, of another interpreter. */
bool interpreter_close(interpreter_t *interpreter, bool if_idle, bool (*is_enough)(void));

/* Has `fn` called in interrupt context, in this interpreter's address space, when the monotonic clock reaches
 * `deadline_ns`. There is one alarm: a new one replaces it. Thread context. */
void interpreter_set_alarm(uint64_t deadline_ns, void (*fn)(void));

/* Says what interpreter_interrupt() calls in this interpreter, in interrupt context and its address space. */
void interpreter_on_interrupt(void (*fn)(void));

/* Tells an interpreter to stop what it does. Any context. */
void interpreter_interrupt(interpreter_t *interpreter);

/* What interpreter_interrupt() has told this one so far it has been told when this returns, or never will be; but that
 * it is to end. Thread context. */
void interpreter_forget_interrupt(void);

/* Calls `fn` in the interpreter's address space. In interrupt context, on a stack of the kernel's. */
void interpreter_run_in(interpreter_t *interpreter, void (*fn)(void));

/* Calls event_signal() for each. Any context. */
void interpreters_signal_all(void);

#endif // MICROPY_INCLUDED_KERNEL_INTERPRETERS_H
