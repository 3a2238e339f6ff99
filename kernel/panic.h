/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The end of the machine: the report that a person, or tools/crash.py, can read. */
#ifndef MICROPY_INCLUDED_KERNEL_PANIC_H
#define MICROPY_INCLUDED_KERNEL_PANIC_H

#include "boot/idt.h"

/* Stops the other CPUs, reports `message`, where it was called from, and where those were that were not
 * idle; then ends the machine as the setting `on-crash` says: stop (the default), reset or poweroff. Any
 * context. */
_Noreturn void panic(const char *message);

/* The same for an exception nobody handles. */
_Noreturn void panic_exception(interrupt_frame_t *frame, const char *what);

/* Reports the same for an interpreter that ends by it, and returns. Interrupts off. */
void panic_report_interpreter(interrupt_frame_t *frame, const char *what, uint64_t id);

#endif // MICROPY_INCLUDED_KERNEL_PANIC_H
