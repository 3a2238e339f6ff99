/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Device interrupts: from a line of the machine to a handler. */
#ifndef MICROPY_INCLUDED_KERNEL_IRQ_H
#define MICROPY_INCLUDED_KERNEL_IRQ_H

#include <stdbool.h>

#include "boot/idt.h"

/* Starts the interrupt controllers: masks a PC's 8259s, this CPU's local APIC, the I/O APIC
 * that the MADT names. Boot CPU, once, interrupts off. Panics where there is none. */
void irq_init(void);

/* The same for another CPU: its local APIC. On that CPU, once, interrupts off. False where there is none. */
bool irq_init_cpu(void);

/* Has the ISA interrupt 0..15, wherever the MADT says that it is wired, call `handler` on this
 * CPU. The handler ends with lapic_eoi(). Returns false where there is no such pin. */
bool irq_connect_isa(unsigned irq, const char *name, interrupt_handler_t handler);

/* The same for a global system interrupt, edge triggered and active high. */
bool irq_connect_gsi(uint32_t gsi, const char *name, interrupt_handler_t handler);

#endif // MICROPY_INCLUDED_KERNEL_IRQ_H
