/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The memory of an interpreter, as the interpreter itself asks for it: its address
 * space's private part. All of it is demand-zero: a page costs nothing until it is touched,
 * and what is promised is surely there when it is (the pages are reserved). Called by the
 * interpreter that owns the memory, on its own thread, interrupts on. */
#ifndef MICROPY_INCLUDED_KERNEL_INTERPRETER_H
#define MICROPY_INCLUDED_KERNEL_INTERPRETER_H

#include <stdbool.h>
#include <stddef.h>

struct _interpreter_t;

/* Makes the main interpreter's memory, in the boot address space: its data as the image has
 * it, its heap and its stack. Returns the top of that stack. Boot CPU, once. */
void *interpreter_init(void);

/* For kernel/interpreters.c: makes the memory of a further one, as far as it is free; and, in its own main thread, fills
 * its data with what the image has. */
bool interpreter_make_memory(struct _interpreter_t *self);
void interpreter_fill_data(void);

/* The heap of the common size: fixed, at the same address in every interpreter. */
void *interpreter_heap(size_t *size);

/* More heap, anywhere. Returns NULL where the machine (or the heap setting) has no more.
 * `size` is rounded up to whole pages. */
void *interpreter_heap_extend(size_t size);

/* Gives back what interpreter_heap_extend() gave. */
void interpreter_heap_release(void *area);

/* The largest size that interpreter_heap_extend() would grant now, in bytes. */
size_t interpreter_heap_available(void);

/* Makes the common heap, the extensions and the executable area as new: all of their
 * pages go back to the machine. For a soft reset. */
void interpreter_memory_reset(void);

/* Memory beside the heap that interpreter_memory_reset() leaves alone, as for a RAM disk. The
 * heap setting does not count it. Returns NULL where the machine has no more. */
void *interpreter_area(size_t size);

/* Takes `size` bytes of the executable area (64 MiB), which is readable and executable and never
 * writable. Returns where code will run, or NULL where the area or memory is full. Given
 * back by interpreter_memory_reset() only. */
void *interpreter_exec_reserve(size_t size);

/* Copies code to where it runs, into what interpreter_exec_reserve() returned, through the
 * direct map. */
void interpreter_exec_write(void *address, const void *code, size_t size);

/* The part of the executable area in use, for the garbage collector to scan. */
void interpreter_exec_range(const void **start, size_t *size);

/* Lowest address of the main thread's stack, and its size in bytes. */
void *interpreter_stack(size_t *size);

/* A stack of `size` bytes for another thread, with what the main one has below it. Returns its lowest address,
 * or NULL where the machine has no more memory. `size` is rounded up to whole pages. */
void *interpreter_stack_new(size_t *size);

/* Gives back what interpreter_stack_new() gave; its thread has ended. */
void interpreter_stack_free(void *stack);

/* What happens when a thread's stack is used up: the program is left where it is, and `fn` runs
 * instead, on a small stack of its own, interrupts on. It has to end in a jump back to a frame of
 * the thread's own stack. Before this call an overrun is a crash.
 *
 * What must not be left halfway, as it keeps books or holds locks, is not: the kernel, the objects
 * that the application's makefile names in KERNEL_MUST_FINISH, all that runs with interrupts off. It goes
 * on in some pages kept for it, until it returns to what may be left and that wants more. */
void interpreter_on_stack_overrun(void (*fn)(void));

/* Sets `len` bytes to zero. Whole pages of demand-zero memory that were never touched are
 * left so: memset() calls this for large areas. Any address. */
void interpreter_zero(void *start, size_t len);

#endif // MICROPY_INCLUDED_KERNEL_INTERPRETER_H
