/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The SMBIOS tables (DMTF DSP0134 3.6), as far as they name this machine. */
#ifndef MICROPY_INCLUDED_DRIVERS_SMBIOS_H
#define MICROPY_INCLUDED_DRIVERS_SMBIOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SMBIOS_UUID_SIZE 16

/* Gives a view of `len` bytes of physical memory, or NULL where that cannot be. */
typedef const void *(*smbios_map_t)(void *ctx, uint64_t paddr, size_t len);

/* Stores the UUID of the system (type 1), in the order in which people write it. Returns false where
 * there is none, or only the values that mean so (all 0, all 1: 7.2.1). */
bool smbios_system_uuid(smbios_map_t map, void *ctx, uint8_t uuid[SMBIOS_UUID_SIZE]);

#endif // MICROPY_INCLUDED_DRIVERS_SMBIOS_H
