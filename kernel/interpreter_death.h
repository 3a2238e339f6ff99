/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What becomes of an interpreter that has gone wrong: it ends, wherever its threads are, and nothing else does.
 * Not so the main one, whose faults are the machine's. */
#ifndef MICROPY_INCLUDED_KERNEL_INTERPRETER_DEATH_H
#define MICROPY_INCLUDED_KERNEL_INTERPRETER_DEATH_H

#include "boot/idt.h"
#include "kernel/interpreters.h"

/* For a handler of exceptions: reports an exception that nobody handles and ends the interpreter, if it is code of
 * one that has caused it. Otherwise the machine ends: panic_exception(). */
void interpreter_fault(interrupt_frame_t *frame, const char *what);

/* Has no thread of the interpreter run any more: each ends where it waits, or leaves the kernel, or at its next
 * interrupt. Again and again, until none is left. Thread context; in one of these threads too. */
void interpreter_kill(interpreter_t *interpreter);

/* For the end of an interrupt: ends the thread that it has interrupted if that is not to run any more. Interrupts
 * off. */
void interpreter_death_check(const interrupt_frame_t *frame);

#endif // MICROPY_INCLUDED_KERNEL_INTERPRETER_DEATH_H
