/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The local APIC of each CPU, in x2APIC mode where the CPU has it (one exit less for each
 * access), else by its registers in memory. Intel SDM volume 3, chapter 11. */
#ifndef MICROPY_INCLUDED_DRIVERS_LAPIC_H
#define MICROPY_INCLUDED_DRIVERS_LAPIC_H

#include <stdbool.h>
#include <stdint.h>

/* Turns this CPU's local APIC on; only its timer, IPIs and what the IOAPIC and MSIs send can
 * interrupt. `mmio_paddr` is where its registers lie when there is no x2APIC. Returns false
 * where they cannot be mapped. Interrupts off, once a CPU. */
bool lapic_init(uint64_t mmio_paddr);

uint32_t lapic_id(void);
bool lapic_is_x2apic(void);

/* Ends the handling of a device interrupt or IPI. */
void lapic_eoi(void);

/* Sends a device vector to a CPU. Interrupts off. */
void lapic_send_ipi(uint32_t apic_id, uint8_t vector);

/* Sends an NMI. Interrupts off. */
void lapic_send_nmi(uint32_t apic_id);

/* Start another CPU, which begins in real mode at page << 12: SDM volume 3, 9.4.4.1. Interrupts
 * off. */
void lapic_send_init(uint32_t apic_id);
void lapic_send_startup(uint32_t apic_id, uint8_t page);

/* Whether IPIs reach a CPU of this id: without x2APIC, ids have 8 bits. */
bool lapic_reaches(uint32_t apic_id);

/* Where a device writes, and its vector as what, to interrupt the CPU of this id. False where such messages do not
 * reach it: they have 8 bits for ids. */
bool lapic_message_address(uint32_t apic_id, uint64_t *address);

/* The timer, one-shot. With a TSC deadline (CPUID.1:ECX[24]) it is armed by the TSC value,
 * otherwise by a count of its own clock (kernel/timer.c measures it). */
void lapic_timer_init(uint8_t vector);
bool lapic_timer_has_deadline(void);
void lapic_timer_set_deadline(uint64_t tsc);   /* 0: disarm. */
void lapic_timer_set_count(uint32_t count);    /* 0: disarm. */
uint32_t lapic_timer_count(void);              /* What is left of it. */

#endif // MICROPY_INCLUDED_DRIVERS_LAPIC_H
