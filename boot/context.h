/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What a CPU needs to go on with a thread that it, or another CPU, has left. */
#ifndef MICROPY_INCLUDED_BOOT_CONTEXT_H
#define MICROPY_INCLUDED_BOOT_CONTEXT_H

/* For boot/context_switch.S. */
#define CONTEXT_RSP 0
#define CONTEXT_BUSY 16
#define CONTEXT_INTERRUPTED 20
#define CONTEXT_FRAME 24

#ifndef __ASSEMBLER__

#include <stddef.h>
#include <stdint.h>

#include "boot/idt.h"

typedef struct _context_t {
    uint64_t rsp;         /* Where the thread has left by itself: what the ABI keeps lies there. */
    uint64_t cr3;         /* Its address space; 0: any. */
    uint32_t busy;        /* A CPU runs it, or has not left its stack yet. */
    uint32_t interrupted; /* It was left by an interrupt: its registers are in `frame`. */
    interrupt_frame_t frame;
} context_t;

_Static_assert(offsetof(context_t, busy) == CONTEXT_BUSY, "boot/context_switch.S");
_Static_assert(offsetof(context_t, interrupted) == CONTEXT_INTERRUPTED, "boot/context_switch.S");
_Static_assert(offsetof(context_t, frame) == CONTEXT_FRAME, "boot/context_switch.S");

/* Leaves the running thread, `from`, and goes on with `to`, which no CPU may be running, in the address space
 * that the CPU's next_cr3 names (boot/percpu.h). Returns when some CPU goes on with `from`. Interrupts off.
 * Vector registers are the caller's to keep, as in every call (System V ABI, 3.2.1); their control words are
 * the same in all threads. */
void context_switch(context_t *from, context_t *to);

/* Goes on with `to` in the same way; what runs now was saved already, or is given up. Interrupts off. */
_Noreturn void context_load(context_t *to);

/* Makes a context that begins in `entry`, which gets `arg` and must not return, with interrupts on.
 * `stack_top` is a multiple of 16; the word below it is 0, where a backtrace ends. `cr3` as in context_t. */
void context_init(context_t *context, void (*entry)(void *), void *arg, void *stack_top, uint64_t cr3);

#endif // __ASSEMBLER__

#endif // MICROPY_INCLUDED_BOOT_CONTEXT_H
