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

/* Starts those too that were not found before. Those that come and go from then on are looked after as by
 * devices_watch(). Thread context. */
void devices_find_all(void);

/* Has a thread look after devices that come and go, and the power button, where the machine has such things; what there
 * was before is not lost. With a disk it does so from the start; else the boot leaves it until somebody uses the machine. Thread
 * context. */
void devices_watch(void);

/* Has what nobody waits for begin that was found at the boot: network devices. The boot leaves it until somebody waits or
 * wants one of them, so that the prompt is there first. Cheap where there is nothing; thread context. */
void devices_begin(void);

/* Starts one that came later. */
void devices_start(const pci_function_t *function);

/* A device has something to say that a thread is to see to. Any context. */
void devices_signal(void);

#endif // MICROPY_INCLUDED_KERNEL_DEVICES_H
