/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#define MICROPY_HW_BOARD_NAME "example board"

// At most so many bytes of RAM are used, however many the machine has.
#define MICROPY_HW_RAM_CAP (64 << 20)

// Where crash reports go: debug_port.c.
#define MICROPY_HW_EARLY_CONSOLE debug_port_and_serial

// Features, as py/mpconfig.h and mpconfigport.h name them.
#define MICROPY_PY_FRAMEBUF (0)
