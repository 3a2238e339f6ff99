/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* MSI-X: a PCI function's interrupts, each an entry of its table: where the message goes, and what then runs.
 * PCI Local Bus 3.0, 6.8.2. */
#ifndef MICROPY_INCLUDED_DRIVERS_MSIX_H
#define MICROPY_INCLUDED_DRIVERS_MSIX_H

#include <stdbool.h>
#include <stdint.h>

#include "drivers/pci.h"

typedef struct _msix_t {
    mmio_t table;
    uint16_t count;    /* Entries. */
} msix_t;

/* An interrupt: what is called when it comes, in interrupt context, on the CPU it was steered to. */
typedef struct _msix_interrupt_t {
    void (*fn)(void *ctx);
    void *ctx;
    uint8_t vector;    /* 0: not connected. */
} msix_interrupt_t;

/* Finds the table of the capability at `capability`, and turns MSI-X on with at most `count_max` entries in use, all
 * masked. False where there is none, or it lies nowhere. Thread context. */
bool msix_init(msix_t *msix, const pci_function_t *function, uint8_t capability, uint16_t count_max);

/* Has the entry (below `count`) call interrupt->fn(interrupt->ctx), on the CPU of that APIC id. `name` (for people)
 * and `interrupt` stay in use until msix_disconnect(). False where no vector is left, or no message reaches that CPU.
 * Thread context. */
bool msix_connect(const msix_t *msix, uint16_t entry, msix_interrupt_t *interrupt, const char *name, uint32_t apic_id);

/* Sends it to another CPU from now on; one that is on its way comes to the old one. False as above: it stays where it is. */
bool msix_steer(const msix_t *msix, uint16_t entry, const msix_interrupt_t *interrupt, uint32_t apic_id);

/* Masks the entry. When this returns, `fn` is not running, nor will it. The device may be gone. Thread context. */
void msix_disconnect(const msix_t *msix, uint16_t entry, msix_interrupt_t *interrupt);

#endif // MICROPY_INCLUDED_DRIVERS_MSIX_H
