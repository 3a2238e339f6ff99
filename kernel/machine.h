/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What the machine is, as it said at the boot. */
#ifndef MICROPY_INCLUDED_KERNEL_MACHINE_H
#define MICROPY_INCLUDED_KERNEL_MACHINE_H

#include "drivers/acpi.h"
#include "kernel/boot_info.h"
#include "kernel/cmdline.h"

/* Written once, in boot_main(); read only afterwards. */
typedef struct _machine_t {
    boot_info_t boot;
    uint64_t start_info;     /* Where it lies, physical. */
    acpi_info_t acpi;
    const char *cmdline;     /* As the VMM gave it. */
    cmdline_t words;         /* The same, split. */
} machine_t;

extern machine_t machine;

/* Reads start_info, takes over the memory it lists, maps it, and keeps the command line.
 * Nothing below 1 MiB is needed afterwards. Panics where the machine cannot be used. */
void machine_init_memory(uint64_t start_info);

/* Memory for `size` bytes of text that is kept for good, or NULL. After machine_init_memory() has
 * the allocator ready. */
char *machine_keep(size_t size);

/* Reads the ACPI tables. After machine_init_memory(). */
void machine_init_acpi(void);

#endif // MICROPY_INCLUDED_KERNEL_MACHINE_H
