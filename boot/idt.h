/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Interrupt vectors: one table for all CPUs, each vector on an IST stack, because the
 * stack that is interrupted may be an interpreter's, which is mapped as it is touched. */
#ifndef MICROPY_INCLUDED_BOOT_IDT_H
#define MICROPY_INCLUDED_BOOT_IDT_H

#include <stdbool.h>
#include <stdint.h>

/* Exceptions: Intel SDM volume 3, table 6-1. */
enum {
    VECTOR_NMI = 2,
    VECTOR_DOUBLE_FAULT = 8,
    VECTOR_GENERAL_PROTECTION = 13,
    VECTOR_PAGE_FAULT = 14,
    VECTOR_MACHINE_CHECK = 18,
    VECTOR_FIRST_DEVICE = 32,
    VECTOR_SPURIOUS = 255,
};

/* Interrupt stack table, one stack each where one kind may interrupt another. */
enum {
    IST_DEVICE = 1,
    IST_PAGE_FAULT,
    IST_EXCEPTION,
    IST_DOUBLE_FAULT,
    IST_NMI,
    IST_MACHINE_CHECK,
    IST_COUNT = IST_MACHINE_CHECK,
};

/* What boot/vectors.S and the CPU push. */
typedef struct _interrupt_frame_t {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t vector;
    uint64_t error;
    uint64_t rip, cs, rflags, rsp, ss;
} interrupt_frame_t;

/* Runs on an IST stack with interrupts off, in whatever address space is current. Returns
 * to what was interrupted, with the frame as it then is. */
typedef void (*interrupt_handler_t)(interrupt_frame_t *frame);

/* Fills and loads the table. Vectors without a handler go to `unhandled`. Boot CPU, once. */
void idt_init(interrupt_handler_t unhandled);

/* Has `fn` called before the return from each device interrupt and IPI, on the interrupt's stack. It
 * may leave that for good (boot/context.h). Boot CPU, once. */
void interrupt_on_return(void (*fn)(interrupt_frame_t *frame));

/* Loads the table that idt_init() filled. Once on each further CPU. */
void idt_load(void);

/* Any CPU; the vector must not be in use meanwhile. */
void interrupt_set_handler(uint8_t vector, interrupt_handler_t handler);

/* A vector for a device, from VECTOR_FIRST_DEVICE on; 0 where none is left. `name` (for people)
 * stays in use. */
uint8_t interrupt_allocate_vector(const char *name, interrupt_handler_t handler);

/* Gives it back. No device sends it any more; for one that is late the handler stays until the vector has another. */
void interrupt_free_vector(uint8_t vector);

/* What a device's vector is for, or NULL where it is nobody's. */
const char *interrupt_name(uint8_t vector);

/* How often each vector came, on all CPUs. */
uint64_t interrupt_count(uint8_t vector);

#endif // MICROPY_INCLUDED_BOOT_IDT_H
