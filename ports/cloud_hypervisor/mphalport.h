/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_MPHALPORT_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_MPHALPORT_H

#include "boot/cpu.h"
#include "shared/runtime/interrupt_char.h"

// Against interrupts, which may come on another CPU. What they share is in short sections; no other one may
// begin in it.
uint64_t atomic_section_begin(void);
void atomic_section_end(uint64_t state);
#define MICROPY_BEGIN_ATOMIC_SECTION() atomic_section_begin()
#define MICROPY_END_ATOMIC_SECTION(state) atomic_section_end(state)

// Before the others. By the main thread; from then on it is interrupted.
void mp_hal_init(void);

// Has those of this interpreter look again who wait for an event. In its address space, any context.
void mp_hal_signal_event(void);

// Halts until something happens, or for `timeout_ms`; (mp_uint_t)-1: for ever.
#define MICROPY_INTERNAL_WFE(timeout_ms) mp_hal_wait_for_event(timeout_ms)
void mp_hal_wait_for_event(mp_uint_t timeout_ms);

// The same until the monotonic clock reaches `deadline_ns`. May return early.
void mp_hal_wait_for_event_until_ns(uint64_t deadline_ns);

// This thread has asked something that does not say when its answer changes: its next wait ends after 10 ms at the latest.
void mp_hal_look_again(void);

// Sleeps until the monotonic clock reaches `deadline_ns`. Scheduled functions run
// meanwhile; they, and a pending exception, may raise.
void mp_hal_delay_until_ns(uint64_t deadline_ns);

// input() reads as the program's other input is read.
#define mp_hal_readline stdio_readline
struct _vstr_t;
int stdio_readline(struct _vstr_t *line, const char *prompt);

// Fills `buf` from the processor's random generator. Raises OSError(ENODEV) where there is none.
void mp_hal_get_random(size_t n, uint8_t *buf);

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_MPHALPORT_H
