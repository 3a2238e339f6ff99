/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Threads of the kernel: what the CPUs run. Each has a stack and a place in the scheduler
 * (kernel/sched.h), and waits by kernel/wait.h. */
#ifndef MICROPY_INCLUDED_KERNEL_THREAD_H
#define MICROPY_INCLUDED_KERNEL_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "boot/context.h"
#include "boot/spinlock.h"
#include "kernel/run_queue.h"
#include "kernel/semaphore.h"
#include "kernel/timer.h"

#define THREAD_NAME_SIZE 16

typedef enum _thread_state_t {
    THREAD_READY,   /* In a run queue, or running. */
    THREAD_WAITING, /* In a wait bucket. */
} thread_state_t;

/* Kernel memory: a lock or a wait that names a thread may be met in any address space. */
typedef struct _thread_t {
    context_t context;
    run_link_t link;
    uint32_t state;           /* thread_state_t. */
    uint32_t cpu;             /* Index of the CPU that runs it, or ran it last. */
    struct _interpreter_t *interpreter; /* Whose address space it runs in; NULL: any. */
    struct _thread_t *sibling_next, **sibling_at; /* Its list of threads. */
    uintptr_t stack_bottom;   /* Of a stack in the interpreter's memory: kernel/interpreter.h. */
    void (*fn)(void *);       /* What it runs. */
    void *arg;
    void *fpu;                /* Vector registers, while `fpu_saved`; NULL: it uses none. */
    bool fpu_saved;
    uint8_t wait_result;      /* wait_result_t: how the last wait ended. */
    bool interruptible;       /* Whether thread_interrupt() ends this one. */
    uint32_t interrupted;     /* thread_interrupt() is still to be heard. */
    uint32_t fate;            /* Who sees to its end: kernel/thread.c. */
    void *stack;              /* The top of its kernel stack; NULL: the stack is somebody else's. */
    uint64_t run_ticks;       /* How long it ran, by the TSC; as of its last leaving of a CPU. */
    struct _wait_bucket_t *bucket; /* Where it waits, and for what: kernel/wait.c. */
    struct _thread_t *wait_next, *wait_previous;
    const void *wait_space;
    const uint32_t *wait_word;
    ktimer_t timer;           /* The deadline of its wait. */
    struct _interpreter_t *callee; /* Whom it has asked, and holds: kernel/call.h. */
    struct _interpreter_t *closing; /* Whom it closes: kernel/interpreters.c. */
    struct _message_t *sending, *reading; /* What is to be freed when it ends; the latter is a list. */
    int net_error;            /* Why the network refused it something: kernel/net/core.h. */
    semaphore_t net_done;     /* What it waits by for the network. */
    char name[THREAD_NAME_SIZE];
} thread_t;

/* What thread_create() makes. */
typedef struct _thread_options_t {
    const char *name;         /* For people; cut to THREAD_NAME_SIZE - 1 bytes. */
    run_priority_t priority;
    struct _interpreter_t *interpreter; /* Whose it is; NULL: the caller's. */
    void *stack_top;          /* A multiple of 16, the word below it 0; NULL: a kernel stack of THREAD_KERNEL_STACK bytes. */
    uintptr_t stack_bottom;   /* Its lowest address, where it is one of interpreter_stack_new(). */
    bool is_kernels;          /* It runs code of the kernel's only, without vector registers. */
} thread_options_t;

#define THREAD_KERNEL_STACK 0x4000

/* Has `fn(arg)` run in a thread of an interpreter's address space; its return ends the thread. All CPUs of
 * the machine are started before the first one that is not the kernel's. The thread is to be given to thread_join() or
 * thread_detach(), once. NULL where memory is missing. Thread context. */
thread_t *thread_create(const thread_options_t *options, void (*fn)(void *), void *arg);

/* Ends this thread. No lock may be held. */
_Noreturn void thread_exit(void);

/* Waits for the thread's end, until the monotonic clock reaches `deadline_ns`. True: it has ended, no CPU
 * uses its stack, and the thread_t is gone. Thread context. */
bool thread_join(thread_t *thread, uint64_t deadline_ns);

/* Nobody will wait for it: it is gone with its end. Its stack must be a kernel stack. */
void thread_detach(thread_t *thread);

/* The same for all threads of an interpreter at once; all have ended. */
void thread_free_ended(struct _interpreter_t *interpreter);

/* Whether it will not run any more. The thread_t must be there. */
bool thread_has_ended(const thread_t *thread);

/* Makes the first thread one of the first interpreter's, which is its. Once. */
void thread_adopt(struct _interpreter_t *interpreter);

/* This thread. Never NULL once the boot has made the first one. */
thread_t *thread_current(void);

/* Ends the thread's wait if it is an interruptible one (kernel/wait.h); if it is in none, its next one. Any
 * context. The thread_t must be there. */
void thread_interrupt(thread_t *thread);

/* Lets others of the same priority run first. Thread context. */
void thread_yield(void);

#endif // MICROPY_INCLUDED_KERNEL_THREAD_H
