/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The 16550 UART at COM1 (National Semiconductor PC16550D), used so that Cloud Hypervisor's,
 * which has no FIFO control, no pacing and forgetful interrupts, works as well as a real one. */
#ifndef MICROPY_INCLUDED_DRIVERS_UART16550_H
#define MICROPY_INCLUDED_DRIVERS_UART16550_H

#include <stdint.h>

#define UART_ISA_IRQ 4

/* Sets 115200 8N1, FIFOs on, interrupts off. Without a UART at the port, what is sent is dropped
 * from then on, and nothing is received. */
void uart_init(void);

/* Lets the UART interrupt when bytes come in. Bytes that are there already raise none: the
 * caller drains once afterwards. */
void uart_enable_receive_interrupt(void);

/* Takes one received byte, or returns -1. After an interrupt, call it until it does: no
 * second one comes for the bytes that are left. */
int uart_receive(void);

/* Sends a byte, as soon as the UART takes one. Interrupts on or off; one CPU at a time. */
void uart_send(uint8_t byte);

#endif // MICROPY_INCLUDED_DRIVERS_UART16550_H
