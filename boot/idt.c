/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <stddef.h>

#include "boot/cpu.h"
#include "boot/gdt.h"
#include "boot/idt.h"
#include "boot/layout.h"

#define VECTORS 256
#define ENTRY_SIZE 16

/* 64-bit interrupt gate: Intel SDM volume 3, figure 6-8. Interrupts are off behind it. Two words: 256
 * gates are made at each boot. */
#define GATE_INTERRUPT 0x8eull

typedef struct _gate_t {
    uint64_t low, high;
} gate_t;

extern const uint8_t halt_instruction[], halt_end[];
extern const uint8_t interrupt_entries[VECTORS][ENTRY_SIZE];
void interrupt_dispatch(interrupt_frame_t *frame);

static gate_t idt[VECTORS] __attribute__((section(".uncleared"), aligned(PAGE_SIZE)));
static interrupt_handler_t handlers[VECTORS];
static uint64_t counts[VECTORS];
static const char *names[VECTORS - VECTOR_FIRST_DEVICE];
static interrupt_handler_t unhandled_handler;
static interrupt_handler_t return_handler;

static uint8_t ist_of(unsigned vector) {
    if (vector >= VECTOR_FIRST_DEVICE) {
        return IST_DEVICE;
    }
    switch (vector) {
        case VECTOR_NMI:
            return IST_NMI;
        case VECTOR_DOUBLE_FAULT:
            return IST_DOUBLE_FAULT;
        case VECTOR_PAGE_FAULT:
            return IST_PAGE_FAULT;
        case VECTOR_MACHINE_CHECK:
            return IST_MACHINE_CHECK;
        default:
            return IST_EXCEPTION;
    }
}

static gate_t gate_to(uintptr_t entry, uint64_t ist) {
    uint64_t low = (entry & 0xffff) | SELECTOR_CODE << 16 | ist << 32 | GATE_INTERRUPT << 40;
    return (gate_t) { low | (entry & 0xffff0000) << 32, entry >> 32 };
}

void idt_init(interrupt_handler_t unhandled) {
    unhandled_handler = unhandled;
    for (unsigned vector = 0; vector < VECTORS; ++vector) {
        idt[vector] = gate_to((uintptr_t)interrupt_entries[vector], ist_of(vector));
    }
    idt_load();
}

void interrupt_on_return(void (*fn)(interrupt_frame_t *frame)) {
    return_handler = fn;
}

void idt_load(void) {
    load_idt(idt, sizeof(idt));
}

void interrupt_set_handler(uint8_t vector, interrupt_handler_t handler) {
    __atomic_store_n(&handlers[vector], handler, __ATOMIC_RELEASE);
}

uint8_t interrupt_allocate_vector(const char *name, interrupt_handler_t handler) {
    for (unsigned vector = VECTOR_FIRST_DEVICE; vector < VECTOR_SPURIOUS; ++vector) {
        const char *nobody = NULL;
        if (__atomic_compare_exchange_n(&names[vector - VECTOR_FIRST_DEVICE], &nobody, name, false,
            __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
            interrupt_set_handler(vector, handler);
            return vector;
        }
    }
    return 0;
}

void interrupt_free_vector(uint8_t vector) {
    __atomic_store_n(&names[vector - VECTOR_FIRST_DEVICE], NULL, __ATOMIC_RELEASE);
}

const char *interrupt_name(uint8_t vector) {
    return vector < VECTOR_FIRST_DEVICE ? NULL
        : __atomic_load_n(&names[vector - VECTOR_FIRST_DEVICE], __ATOMIC_ACQUIRE);
}

uint64_t interrupt_count(uint8_t vector) {
    return __atomic_load_n(&counts[vector], __ATOMIC_RELAXED);
}

/* What the frame interrupts has not halted yet: it must look again first. See boot/halt.S. */
static void step_over_halt(interrupt_frame_t *frame) {
    if (frame->rip == (uintptr_t)halt_instruction) {
        frame->rip = (uintptr_t)halt_end;
    }
}

void interrupt_dispatch(interrupt_frame_t *frame) {
    step_over_halt(frame);
    __atomic_fetch_add(&counts[frame->vector], 1, __ATOMIC_RELAXED);
    interrupt_handler_t handler = __atomic_load_n(&handlers[frame->vector], __ATOMIC_ACQUIRE);
    (handler ? handler : unhandled_handler)(frame);
    if (frame->vector >= VECTOR_FIRST_DEVICE && return_handler) {
        return_handler(frame);
    }
}
