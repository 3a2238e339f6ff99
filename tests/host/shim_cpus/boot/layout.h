/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The kernel's own boot/layout.h, but for where all RAM is seen: no program of the host has the high half. Below the
 * interpreter window, as that is private, and this is not. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_SHIM_CPUS_LAYOUT_H
#define MICROPY_INCLUDED_TESTS_HOST_SHIM_CPUS_LAYOUT_H

#include_next "boot/layout.h"

#undef DIRECT_MAP_BASE
#define DIRECT_MAP_BASE 0x10000000

#endif // MICROPY_INCLUDED_TESTS_HOST_SHIM_CPUS_LAYOUT_H
