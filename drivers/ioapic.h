/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The I/O APIC (Intel 82093AA): global system interrupts to vectors. On the machines of
 * this project only the UART and, on Cloud Hypervisor, the GED use it; PCI has MSI-X. */
#ifndef MICROPY_INCLUDED_DRIVERS_IOAPIC_H
#define MICROPY_INCLUDED_DRIVERS_IOAPIC_H

#include <stdbool.h>
#include <stdint.h>

/* Uses the I/O APIC at `mmio_paddr`, whose first pin is the interrupt `gsi_base`. Returns
 * false where it cannot be mapped. */
bool ioapic_init(uint64_t mmio_paddr, uint32_t gsi_base);

/* Sends `gsi` to `vector` on the CPU `apic_id` (0..254), unmasked. Returns false where no pin
 * has that number. An edge that came while the pin was masked may be delivered at once. */
bool ioapic_route(uint32_t gsi, uint8_t vector, uint32_t apic_id, bool active_low, bool level);

#endif // MICROPY_INCLUDED_DRIVERS_IOAPIC_H
