/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* PCI functions, as drivers see them by ECAM or by the ports 0xcf8 and 0xcfc: configuration spaces, and registers where
 * their BARs say. PCI Local Bus 3.0, 3.2.2.3.2 and 6; PCI Express 4.0, 7.2.2. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_VIRTIO_PCI_MODEL_H
#define MICROPY_INCLUDED_TESTS_HOST_VIRTIO_PCI_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "drivers/acpi.h"

#define PCI_MODEL_BARS 6

typedef struct _pci_model_t {
    uint16_t segment;
    uint8_t bus, slot, function;
    uint8_t config[256];
    bool gone;                           /* Taken out: all reads as ones. */
    uint64_t bar_size[PCI_MODEL_BARS];   /* Bytes; 0: none. */
    uint64_t (*access)(unsigned bar, uint64_t offset, unsigned width, bool write, uint64_t value);
    void (*config_written)(uint8_t offset, unsigned width, uint32_t value); /* But the command register. */
    struct _pci_model_t *next;
} pci_model_t;

/* What pci_scan() is told: pci_model_acpi, of which only that it has an MCFG or not counts. */
extern acpi_info_t pci_model_acpi;

/* No function; the machine's bus is this one. `segments` with ECAM (their addresses are chosen here); 0: by ports.
 * `aliases`: as with Cloud Hypervisor, functions 1 to 7 of a slot are function 0 again in ECAM. */
void pci_model_start(unsigned segments, bool aliases);

void pci_model_plug(pci_model_t *function);

/* Fields of a configuration space. */
void pci_model_set(pci_model_t *function, uint8_t offset, unsigned width, uint32_t value);
uint32_t pci_model_get(const pci_model_t *function, uint8_t offset, unsigned width);

/* A memory BAR, of 64 bits where the address needs them. */
void pci_model_set_bar(pci_model_t *function, unsigned bar, uint64_t paddr, uint64_t size);

#endif // MICROPY_INCLUDED_TESTS_HOST_VIRTIO_PCI_MODEL_H
