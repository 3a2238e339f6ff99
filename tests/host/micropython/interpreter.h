/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* An interpreter in this process: one at a time. What raises beyond these functions ends the program. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_MICROPYTHON_INTERPRETER_H
#define MICROPY_INCLUDED_TESTS_HOST_MICROPYTHON_INTERPRETER_H

#include <stdbool.h>

#include "py/obj.h"

// A fresh one; away with the one before and its heap.
void interpreter_start(size_t heap_size);

// A module that `import` finds from now on, in every interpreter; its name and source stay the caller's.
void interpreter_add_module(const char *file, const char *source);

// Whether each allocation collects first.
void interpreter_collect_always(bool always);

// In __main__. The text of a statement, and the value of an expression. They may raise.
void interpreter_exec(const char *source);
mp_obj_t interpreter_eval(const char *source);

// Calls function(context). Gives what it raised; MP_OBJ_NULL: nothing.
mp_obj_t interpreter_try(void (*function)(void *context), void *context);

#endif // MICROPY_INCLUDED_TESTS_HOST_MICROPYTHON_INTERPRETER_H
