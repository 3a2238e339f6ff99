/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The machine's network interfaces. Thread context. */
#ifndef MICROPY_INCLUDED_KERNEL_NET_NET_H
#define MICROPY_INCLUDED_KERNEL_NET_NET_H

#include <stdint.h>

#include "drivers/pci.h"

/* Ends the machine where a setting of the network makes no sense. Boot CPU, before the others. */
void networks_init(void);

/* Notes the network device that the function is, unless it is there already. It is started by networks_check(). */
void network_attach(const pci_function_t *function);

/* The device of a slot is taken out. Afterwards nothing of ours touches it. */
void network_detach(uint16_t segment, uint8_t slot);

/* Starts devices that were noted, and sees to what the others have said. */
void networks_check(void);

struct _interface_t;

/* The interface of that index, or the next one above; held. NULL: there is none. What it is: kernel/net/interface.h. */
struct _interface_t *network_find_from(unsigned index);

void network_release(struct _interface_t *interface);

#endif // MICROPY_INCLUDED_KERNEL_NET_NET_H
