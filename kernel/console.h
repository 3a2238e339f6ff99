/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The serial console: bytes in through a 64 KiB ring that the interrupt fills, bytes
 * out by polling. */
#ifndef MICROPY_INCLUDED_KERNEL_CONSOLE_H
#define MICROPY_INCLUDED_KERNEL_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct _interpreter_t;

/* Starts interrupt-driven input. Once, after the interrupt controllers are up. */
void console_init(void);

/* True where a byte can be read now. Any context. */
bool console_readable(void);

/* Takes one byte, 0..255, or -1 where there is none. Any thread; interrupts on. */
int console_read(void);

/* Takes bytes as if they had come by the serial line. How many: there is no room for the others. Any thread. */
size_t console_type(const uint8_t *data, size_t len);

/* Sends all the bytes as they are, and waits for the UART. Any thread, interrupts on: those of two
 * threads do not mix. */
void console_write(const void *data, size_t len);

/* Has each received byte that equals `c` (0..255) interrupt an interpreter that stays, as by
 * interpreter_interrupt(), which it has said what that does; the byte is then not put into the ring. With c = -1:
 * no byte. */
void console_set_break(int c, struct _interpreter_t *owner);

/* Has the byte `c` (0..255) take from the one behind it the meaning of console_set_break(); both go
 * into the ring. With c = -1: no byte does. Interrupts on or off. */
void console_set_quote(int c);

/* For what the kernel itself has to say, such as the crash report: goes to the board's early console
 * (kernel/board.h), whoever is in the middle of some output. */
void console_write_emergency(const char *text, size_t len);

/* A line of it: `who`: `what`: `why` (or NULL). */
void console_report(const char *who, const char *what, const char *why);

/* The same, to the serial line: takes it whoever holds it, polls only. */
void console_write_serial(const char *text, size_t len);

#endif // MICROPY_INCLUDED_KERNEL_CONSOLE_H
