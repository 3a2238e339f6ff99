/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Little-endian numbers at any alignment, for the files that read ACPI tables. */
#ifndef MICROPY_INCLUDED_DRIVERS_ACPI_READ_H
#define MICROPY_INCLUDED_DRIVERS_ACPI_READ_H

#include <stdint.h>

#define ACPI_HEADER_SIZE 36 /* System description table header: table 5.4. */

/* No physical address is as high: Intel SDM volume 3, 4.1.4. */
#define ACPI_PHYS_LIMIT (1ull << 52)

static inline uint16_t acpi_read16(const uint8_t *at) {
    uint16_t value;
    __builtin_memcpy(&value, at, sizeof(value));
    return value;
}

static inline uint32_t acpi_read32(const uint8_t *at) {
    uint32_t value;
    __builtin_memcpy(&value, at, sizeof(value));
    return value;
}

static inline uint64_t acpi_read64(const uint8_t *at) {
    uint64_t value;
    __builtin_memcpy(&value, at, sizeof(value));
    return value;
}

#endif // MICROPY_INCLUDED_DRIVERS_ACPI_READ_H
