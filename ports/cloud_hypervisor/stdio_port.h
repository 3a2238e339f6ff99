/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_STDIO_PORT_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_STDIO_PORT_H

#include "py/misc.h"

// What the bytes of the console mean to a program: the setting console=.
typedef enum _stdio_mode_t {
    // For a person: output has CR LF for LF, Ctrl-C interrupts, input() echoes and edits.
    STDIO_TERMINAL,
    // Every byte is the program's, in both directions.
    STDIO_RAW,
    // For a tool that passes on files: output as it is; of the input, byte 0x03 interrupts, 0x04 is the
    // end, and 0x16 says that the next byte means itself, as at a POSIX terminal (VINTR, VEOF, VLNEXT).
    STDIO_PIPE,
} stdio_mode_t;

// The value of the setting console=. Panics if it is none of the three.
stdio_mode_t stdio_mode_setting(void);

// From now on. What has come and was not read yet is read by the new meaning.
void stdio_set_mode(stdio_mode_t mode);

bool stdio_is_terminal(void);

// Whether byte 0x03 is to interrupt the program.
bool stdio_has_interrupt(void);

// Waits for a byte, 0..255; -1 at the end of the input, then and ever after. May raise.
int stdio_read_byte(void);

// As mp_hal_stdio_poll(): at the end of the input one can read too.
uintptr_t stdio_poll(uintptr_t poll_flags);

// As readline(), for input().
int stdio_readline(vstr_t *line, const char *prompt);

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_STDIO_PORT_H
