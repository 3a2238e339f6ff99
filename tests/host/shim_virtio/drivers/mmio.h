/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The kernel's drivers/mmio.h, but for where accesses go: to the models of tests/host/virtio. An mmio_t is no pointer to
 * memory there: who follows one crashes. */
#ifndef MICROPY_INCLUDED_DRIVERS_MMIO_H
#define MICROPY_INCLUDED_DRIVERS_MMIO_H

#include <stdint.h>

typedef volatile uint8_t *mmio_t;

uint8_t mmio_read8(mmio_t at);
uint16_t mmio_read16(mmio_t at);
uint32_t mmio_read32(mmio_t at);
void mmio_write8(mmio_t at, uint8_t value);
void mmio_write16(mmio_t at, uint16_t value);
void mmio_write32(mmio_t at, uint32_t value);
void mmio_write64(mmio_t at, uint64_t value);

#endif // MICROPY_INCLUDED_DRIVERS_MMIO_H
