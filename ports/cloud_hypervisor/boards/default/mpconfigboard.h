/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The board that every machine of this kind is. */

#define MICROPY_HW_BOARD_NAME "PVH guest"
