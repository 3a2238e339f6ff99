/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What a board may choose of the kernel, by macros in the header that KERNEL_BOARD names
 * (kernel.mk; the MicroPython port gives its board's mpconfigboard.h), and what it is otherwise. */
#ifndef MICROPY_INCLUDED_KERNEL_BOARD_H
#define MICROPY_INCLUDED_KERNEL_BOARD_H

#ifdef KERNEL_BOARD
#include KERNEL_BOARD
#endif

/* At most so many bytes of RAM are used, those at the lowest addresses: as if the machine had no
 * more. What the VMM loads lies where the VMM puts it. Default: all RAM. */
#ifdef MICROPY_HW_RAM_CAP
#define BOARD_RAM_CAP ((uint64_t)(MICROPY_HW_RAM_CAP))
#define BOARD_WANTS_RAM "give the machine at least 4 MiB, and the board more by MICROPY_HW_RAM_CAP"
#else
#define BOARD_RAM_CAP UINT64_MAX
#define BOARD_WANTS_RAM "give the machine at least 4 MiB"
#endif

/* A function `void NAME(const char *text, size_t len)` that takes what the kernel itself has to say,
 * whatever state the machine is in: crash reports, from the first lines of C on. Called with
 * interrupts off, on any stack, on one CPU at a time; it may use no memory but its own variables,
 * and no lock. Default: the serial line. */
#ifndef MICROPY_HW_EARLY_CONSOLE
#define MICROPY_HW_EARLY_CONSOLE console_write_serial
#endif

/* 0: network devices are left alone. Default: they are used. */
#ifdef MICROPY_HW_NETWORK
#define BOARD_NETWORK MICROPY_HW_NETWORK
#else
#define BOARD_NETWORK 1
#endif

/* How many sockets there can be at a time, of all interpreters together: 32 bytes each of memory that is touched when
 * the network is first used, and more for one that is open. */
#ifdef MICROPY_HW_SOCKETS
#define BOARD_SOCKETS MICROPY_HW_SOCKETS
#else
#define BOARD_SOCKETS 1024
#endif

#endif // MICROPY_INCLUDED_KERNEL_BOARD_H
