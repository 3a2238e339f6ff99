/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Entropy devices, as sources of kernel/random.h. Thread context. */
#ifndef MICROPY_INCLUDED_KERNEL_RNG_H
#define MICROPY_INCLUDED_KERNEL_RNG_H

#include <stdint.h>

#include "drivers/pci.h"

/* Notes the entropy device that the function is, unless it is noted. It is started when random bytes are first wanted
 * of it: it costs next to nothing until then. Says on the console what is wrong where it cannot be used. */
void rng_attach(const pci_function_t *function);

/* The device of a slot is taken out: it is asked no more. Afterwards nothing of ours touches it. */
void rng_detach(uint16_t segment, uint8_t slot);

#endif // MICROPY_INCLUDED_KERNEL_RNG_H
