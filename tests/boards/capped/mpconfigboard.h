/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The minimal board with the least memory that a board may have. */

#include "ports/cloud_hypervisor/boards/minimal/mpconfigboard.h"

#define MICROPY_HW_RAM_CAP (4 << 20)
