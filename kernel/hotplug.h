/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Devices that come and go while the machine runs, and its power button: by Cloud Hypervisor's generic event device, and the registers that its
 * DSDT names (PCST: what came and what is to go; GDST: what an event is about). Thread context. */
#ifndef MICROPY_INCLUDED_KERNEL_HOTPLUG_H
#define MICROPY_INCLUDED_KERNEL_HOTPLUG_H

/* Finds the registers, and has the event wake devices_signal(). On a machine without them nothing comes or goes. Once. */
void hotplug_init(void);

/* Sees to what events there were. */
void hotplug_check(void);

#endif // MICROPY_INCLUDED_KERNEL_HOTPLUG_H
