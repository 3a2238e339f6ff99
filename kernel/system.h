/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What the kernel tells about the machine and does with it as a whole. */
#ifndef MICROPY_INCLUDED_KERNEL_SYSTEM_H
#define MICROPY_INCLUDED_KERNEL_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/cmdline.h"

/* The application: what runs on the kernel, once, on the main interpreter's thread and
 * stack, interrupts on. Supplied by the port. When it returns, the machine is powered off. */
void app_main(void);

_Noreturn void system_power_off(void);
_Noreturn void system_reset(void);

/* Asks the application to end, as somebody does who presses the power button: the main interpreter is interrupted. False
 * where it was asked before. Thread context. */
bool system_ask_to_stop(void);

/* Whether it was asked. When it has ended the machine is to be powered off. Any context. */
bool system_is_stopping(void);

/* The value of the setting `name=value` on the command line, else among the application's, or NULL. */
const char *system_setting(const char *name);

/* Stops the machine with a report where the command line or the application has a setting that is not
 * among the `count` names; the kernel's own: kernel/settings.h. */
void system_check_settings(const char *const *names, size_t count);

/* The words of the command line. */
const cmdline_t *system_words(void);

/* The whole command line as the VMM gave it. */
const char *system_cmdline(void);

size_t system_ram_bytes(void);      /* RAM that the allocator was given. */
size_t system_ram_free_bytes(void); /* Of it, neither used nor promised. */
unsigned system_cpu_count(void);    /* CPUs that the machine has enabled. */

/* The VMM's name by its ACPI OEM id and CPUID signature, for people: "Cloud Hypervisor",
 * "QEMU" or what the tables say. */
const char *system_vmm_name(void);

/* The hash by which a file of symbols is told to be of this build. */
#define SYSTEM_BUILD_ID_SIZE 20
const uint8_t *system_build_id(void);

/* SMBIOS type 1 UUID where there is one (16 bytes), else NULL. */
const uint8_t *system_uuid(void);

#endif // MICROPY_INCLUDED_KERNEL_SYSTEM_H
