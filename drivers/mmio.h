/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Device registers in memory: each access is one instruction of that width, in the order of the program.
 * Cloud Hypervisor and KVM want plain moves of the register's own width. Host tests put a model of a device
 * in the place of this header. */
#ifndef MICROPY_INCLUDED_DRIVERS_MMIO_H
#define MICROPY_INCLUDED_DRIVERS_MMIO_H

#include <stdint.h>

/* Somewhere in what driver_map() gave. */
typedef volatile uint8_t *mmio_t;

static inline uint8_t mmio_read8(mmio_t at) {
    return *at;
}

static inline uint16_t mmio_read16(mmio_t at) {
    return *(volatile uint16_t *)at;
}

static inline uint32_t mmio_read32(mmio_t at) {
    return *(volatile uint32_t *)at;
}

static inline void mmio_write8(mmio_t at, uint8_t value) {
    *at = value;
}

static inline void mmio_write16(mmio_t at, uint16_t value) {
    *(volatile uint16_t *)at = value;
}

static inline void mmio_write32(mmio_t at, uint32_t value) {
    *(volatile uint32_t *)at = value;
}

static inline void mmio_write64(mmio_t at, uint64_t value) {
    *(volatile uint64_t *)at = value;
}

#endif // MICROPY_INCLUDED_DRIVERS_MMIO_H
