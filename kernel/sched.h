/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Which thread runs on which CPU. Each CPU has a run queue; a thread goes to that of the CPU it ran on
 * last, and a CPU with nothing to do takes one from another's. A CPU that has threads waiting behind the
 * one that runs takes turns by a one-shot timer; without them there is no timer, and an idle CPU halts.
 * Interrupts are off in all of these. */
#ifndef MICROPY_INCLUDED_KERNEL_SCHED_H
#define MICROPY_INCLUDED_KERNEL_SCHED_H

#include "boot/percpu.h"
#include "kernel/thread.h"

/* How long a thread runs before another of its priority gets its turn: CPython's switch interval. */
#define SCHED_SLICE_NS 5000000

/* Once, on the boot CPU, before any thread is made. */
void sched_init(void);

/* Makes what runs now on this CPU the thread `current`, in the current address space; NULL: the CPU's own,
 * which goes on with sched_run(). `stack_top` is that of the CPU's own stack, where that is not what is in
 * use. Once a CPU. */
void sched_init_cpu(thread_t *current, void *stack_top);

/* Runs threads on this CPU for ever, and halts where there is none. On the CPU's own stack. */
_Noreturn void sched_run(void);

/* Puts a thread that waited, or is new, into a run queue. Any context; no lock of lower rank than a run
 * queue's is held. */
void sched_ready(thread_t *thread);

/* Gives the CPU away until sched_ready() was called for this thread, before or meanwhile. Its state is
 * THREAD_WAITING already. Thread context, no lock held. */
void sched_block(void);

/* Gives the CPU to another thread of the same priority, if there is one that waits for this CPU. */
void sched_yield(void);

/* Gives the CPU to a thread of higher priority, if sched_ready() has found one for this CPU. Thread
 * context. */
void sched_checkpoint(void);

/* Has the CPU that runs the thread, if it is another one, take an interrupt. Interrupts off. */
void sched_interrupt(thread_t *thread);

/* Ends this thread: the CPU leaves its stack, then hands it to thread_ended(). */
_Noreturn void sched_exit(void);

/* Supplied by kernel/thread.c: a thread that no CPU will run again. On a CPU's own stack. */
void thread_ended(thread_t *thread);

#endif // MICROPY_INCLUDED_KERNEL_SCHED_H
