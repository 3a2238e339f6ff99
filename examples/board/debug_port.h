/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The debug console of a VMM: an I/O port that takes text, at 0xe9. Cloud Hypervisor's option is
 * `--debug-console file=PATH,iobase=0xe9`, QEMU's `-debugcon file:PATH`. */
#ifndef DEBUG_PORT_H
#define DEBUG_PORT_H

#include <stddef.h>

/* Any context. */
void debug_port_write(const char *text, size_t len);

#endif // DEBUG_PORT_H
