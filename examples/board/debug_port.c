/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "boot/cpu.h"
#include "debug_port.h"
#include "kernel/console.h"

#define PORT 0xe9

void debug_port_write(const char *text, size_t len) {
    while (len--) {
        out8(PORT, *text++);
    }
}

/* MICROPY_HW_EARLY_CONSOLE. Without the second line the serial line would hear nothing of a crash. */
void debug_port_and_serial(const char *text, size_t len);
void debug_port_and_serial(const char *text, size_t len) {
    debug_port_write(text, len);
    console_write_serial(text, len);
}
