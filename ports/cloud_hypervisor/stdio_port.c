/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "py/mphal.h"
#include "py/stream.h"
#include "shared/readline/readline.h"

#include "kernel/console.h"
#include "kernel/panic.h"
#include "kernel/system.h"
#include "stdio_port.h"

#define END_OF_INPUT 0x04
#define QUOTE 0x16

static stdio_mode_t mode;
static bool at_end;
static bool quoted; // The next byte means itself.

stdio_mode_t stdio_mode_setting(void) {
    const char *text = system_setting("console");
    if (!text || !strcmp(text, "terminal")) {
        return STDIO_TERMINAL;
    }
    if (!strcmp(text, "raw")) {
        return STDIO_RAW;
    }
    if (!strcmp(text, "pipe")) {
        return STDIO_PIPE;
    }
    panic("the setting console= is terminal, raw or pipe");
}

void stdio_set_mode(stdio_mode_t new_mode) {
    mode = new_mode;
    at_end = quoted = false;
    console_set_quote(mode == STDIO_PIPE ? QUOTE : -1);
}

bool stdio_is_terminal(void) {
    return mode == STDIO_TERMINAL;
}

bool stdio_has_interrupt(void) {
    return mode != STDIO_RAW;
}

int stdio_read_byte(void) {
    if (mode != STDIO_PIPE) {
        return mp_hal_stdin_rx_chr();
    }
    if (at_end) {
        return -1;
    }
    int c = mp_hal_stdin_rx_chr();
    if (!quoted && c == QUOTE) {
        quoted = true; // Kept, as an interrupt may come between the two.
        c = mp_hal_stdin_rx_chr();
    } else if (!quoted && c == END_OF_INPUT) {
        at_end = true;
        return -1;
    }
    quoted = false;
    return c;
}

uintptr_t stdio_poll(uintptr_t poll_flags) {
    return mp_hal_stdio_poll(poll_flags) | (at_end ? poll_flags & MP_STREAM_POLL_RD : 0);
}

int stdio_readline(vstr_t *line, const char *prompt) {
    if (mode == STDIO_TERMINAL) {
        return readline(line, prompt);
    }
    mp_hal_stdout_tx_str(prompt);
    for (;;) {
        int c = stdio_read_byte();
        if (c < 0) {
            return CHAR_CTRL_D;
        }
        if (c == '\n') {
            return 0;
        }
        vstr_add_byte(line, c);
    }
}

// Upstream's, under another name: see the Makefile.
void stdio_write_with_cr(const char *str, size_t len);

void mp_hal_stdout_tx_strn_cooked(const char *str, size_t len) {
    if (mode == STDIO_TERMINAL) {
        stdio_write_with_cr(str, len);
    } else {
        mp_hal_stdout_tx_strn(str, len);
    }
}
