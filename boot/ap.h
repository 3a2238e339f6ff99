/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* How an application processor comes to C: boot/ap.S, and its counterpart kernel/cpus.c. */
#ifndef MICROPY_INCLUDED_BOOT_AP_H
#define MICROPY_INCLUDED_BOOT_AP_H

#define AP_CLOSED 1

#ifndef __ASSEMBLER__

#include <stdint.h>

/* What lies at the start of the page that a start-up IPI names. */
extern const uint8_t ap_trampoline[], ap_trampoline_end[];

/* Supplied by kernel/cpus.c. The stack of the CPU that comes next: it puts 0 in its place. While this is 0 a CPU
 * waits; at AP_CLOSED it stops for good. */
extern uint64_t ap_stack_top;

/* The same: what a CPU does that has a stack. Does not return. */
void ap_main(void);

#endif // __ASSEMBLER__

#endif // MICROPY_INCLUDED_BOOT_AP_H
