/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Little-endian numbers at any alignment, as tables in memory and on disks have them. */
#ifndef MICROPY_INCLUDED_DRIVERS_LITTLE_ENDIAN_H
#define MICROPY_INCLUDED_DRIVERS_LITTLE_ENDIAN_H

#include <stdint.h>

static inline uint16_t le16_at(const uint8_t *at) {
    uint16_t value;
    __builtin_memcpy(&value, at, sizeof(value));
    return value;
}

static inline uint32_t le32_at(const uint8_t *at) {
    uint32_t value;
    __builtin_memcpy(&value, at, sizeof(value));
    return value;
}

static inline uint64_t le64_at(const uint8_t *at) {
    uint64_t value;
    __builtin_memcpy(&value, at, sizeof(value));
    return value;
}

#endif // MICROPY_INCLUDED_DRIVERS_LITTLE_ENDIAN_H
