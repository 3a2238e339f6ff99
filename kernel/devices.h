/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The machine's PCI devices: who looks after them. */
#ifndef MICROPY_INCLUDED_KERNEL_DEVICES_H
#define MICROPY_INCLUDED_KERNEL_DEVICES_H

#include <stdbool.h>

#include "drivers/pci.h"

/* Starts the devices that the machine was started with. Cloud Hypervisor has them in slots one after the other, unless the
 * user says otherwise, so there the first empty slot ends the search, which costs a VM exit a slot. The setting pci=all
 * has it go on. Once; thread context. */
void devices_init(void);

/* Starts those too that were not found before, and has the VMM tell from now on when some come and go. Thread context. */
void devices_find_all(void);

/* Starts one that came later. */
void devices_start(const pci_function_t *function);

/* A device has something to say that a thread is to see to. Any context. */
void devices_signal(void);

#endif // MICROPY_INCLUDED_KERNEL_DEVICES_H
