/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The names of the kernel's own settings, for C and for assembly. */
#ifndef MICROPY_INCLUDED_KERNEL_SETTINGS_H
#define MICROPY_INCLUDED_KERNEL_SETTINGS_H

#define KERNEL_SETTINGS "acpi", "heap", "on-crash"

#endif // MICROPY_INCLUDED_KERNEL_SETTINGS_H
