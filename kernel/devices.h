/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The machine's PCI devices: who looks after them. */
#ifndef MICROPY_INCLUDED_KERNEL_DEVICES_H
#define MICROPY_INCLUDED_KERNEL_DEVICES_H

#include <stdbool.h>

#include "drivers/pci.h"

/* Finds the devices, and starts those that were not found before. Thread context. */
void devices_scan(void);

/* A device has something to say that a thread is to see to. Any context. */
void devices_signal(void);

#endif // MICROPY_INCLUDED_KERNEL_DEVICES_H
