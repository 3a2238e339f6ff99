/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "boot/cpu.h"
#include "kernel/interpreter_death.h"
#include "kernel/panic.h"
#include "kernel/sched.h"

/* Set by the linker script: the kernel's text is in two parts, with its library of C functions in the first, and AES in the
 * second one. */
extern const uint8_t image_start[], libc_start[], libc_end[];
extern const uint8_t kernel_boot_end[], kernel_rest_start[], cipher_start[], cipher_end[], kernel_rest_end[];

static bool is_between(uintptr_t at, const uint8_t *start, const uint8_t *end) {
    return at >= (uintptr_t)start && at < (uintptr_t)end;
}

/* Code that keeps no books of the kernel's. Where it has jumped to an address with no code it is none of the
 * kernel's either. */
static bool is_of_an_interpreter(const interrupt_frame_t *frame, uintptr_t at) {
    return frame->rflags & RFLAGS_IF && !is_between(at, image_start, kernel_boot_end)
           && !is_between(at, kernel_rest_start, kernel_rest_end);
}

static bool is_library(uintptr_t at) {
    return is_between(at, libc_start, libc_end) || is_between(at, cipher_start, cipher_end);
}

/* Who has called the C library or AES, if that is where it was. */
static uintptr_t caller_of_library(const interrupt_frame_t *frame) {
    uintptr_t at = frame->rip;
    const uintptr_t *rbp = (const uintptr_t *)frame->rbp, *last = NULL;
    while (is_library(at) && rbp > last && paging_readable((uintptr_t)rbp, 2 * sizeof(*rbp))) {
        at = rbp[1];
        last = rbp;
        rbp = (const uintptr_t *)rbp[0];
    }
    return at;
}

void interpreter_kill(interpreter_t *self) {
    __atomic_store_n(&self->dead, true, __ATOMIC_SEQ_CST);
    call_close(&self->call, false);
    uint64_t flags = spin_lock_nofault(&self->lock);
    for (thread_t *thread = self->threads; thread; thread = thread->sibling_next) {
        thread_interrupt(thread);
        sched_interrupt(thread);
    }
    spin_unlock_irqrestore(&self->lock, flags);
    wait_wake(&self->running, WAKE_ALL); // Who waits for them looks more often now.
}

void interpreter_death_check(const interrupt_frame_t *frame) {
    const interpreter_t *self = interpreter_current();
    if (self && interpreter_is_dead(self) && is_of_an_interpreter(frame, frame->rip)) {
        sched_exit(); // What it holds is freed with it.
    }
}

/* On the stack for a stack overrun, whatever ran there. */
static void die(void) {
    interpreter_t *self = interpreter_current();
    interpreter_kill(self);
    call_abandon(&self->call);
    thread_exit();
}

void interpreter_fault(interrupt_frame_t *frame, const char *what) {
    interpreter_t *self = interpreter_current();
    if (!self || interpreter_is_main(self) || !is_of_an_interpreter(frame, caller_of_library(frame))) {
        panic_exception(frame, what);
    }
    panic_report_interpreter(frame, what, self->id);
    frame->rip = (uintptr_t)die;
    frame->rsp = WINDOW_OVERRUN_STACK_END - sizeof(uint64_t); // As behind a call: System V ABI, 3.2.2.
    frame->rbp = 0;
    frame->rflags = RFLAGS_IF | RFLAGS_RESERVED;
}
