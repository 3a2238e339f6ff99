/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* PCI: configuration space, by ECAM where the MCFG names it, else by the ports 0xcf8 and 0xcfc; the functions that
 * there are; their capabilities and BARs. PCI Local Bus 3.0, 6; PCI Express Base 4.0, 7.2. Thread context. */
#ifndef MICROPY_INCLUDED_DRIVERS_PCI_H
#define MICROPY_INCLUDED_DRIVERS_PCI_H

#include <stdbool.h>
#include <stdint.h>

#include "drivers/acpi.h"
#include "drivers/driver.h"

/* Registers of a function's header: PCI 3.0, 6.1. */
enum {
    PCI_ID = 0x00,
    PCI_COMMAND = 0x04,
    PCI_COMMAND_MEMORY = 1 << 1,
    PCI_COMMAND_MASTER = 1 << 2,
    PCI_STATUS = 0x06,
    PCI_STATUS_CAPABILITIES = 1 << 4,
    PCI_BAR = 0x10,
    PCI_CAPABILITIES = 0x34,
};

#define PCI_CAPABILITY_MSIX 0x11
#define PCI_CAPABILITY_VENDOR 0x09

#define PCI_BARS 6

/* A function: what is called a device elsewhere. */
typedef struct _pci_function_t {
    mmio_t ecam;       /* Its configuration space; NULL: by ports. */
    uint16_t segment;
    uint8_t bus;
    uint8_t slot;      /* 0..31 */
    uint8_t function;  /* 0..7 */
    uint8_t header;    /* The kind of its header: 0, or 1 for a bridge. */
    uint16_t vendor;
    uint16_t device;
} pci_function_t;

/* Whether it is the same place. */
static inline bool pci_is_same(const pci_function_t *a, const pci_function_t *b) {
    return a->segment == b->segment && a->bus == b->bus && a->slot == b->slot && a->function == b->function;
}

typedef enum _pci_visit_t {
    PCI_GO_ON,
    PCI_STOP,
    PCI_STOP_AT_GAP, /* Go on to the first empty slot of this bus. */
} pci_visit_t;

/* Calls `visit` for each function of each bus that can be reached, in order of their addresses. */
void pci_scan(const acpi_info_t *acpi, pci_visit_t (*visit)(const pci_function_t *function, void *ctx), void *ctx);

/* The function 0 in a slot of a segment's first bus. False where there is none. */
bool pci_find(const acpi_info_t *acpi, uint16_t segment, uint8_t slot, pci_function_t *function);

/* `offset` is below 256, and a multiple of the width. */
uint8_t pci_read8(const pci_function_t *function, uint8_t offset);
uint16_t pci_read16(const pci_function_t *function, uint8_t offset);
uint32_t pci_read32(const pci_function_t *function, uint8_t offset);
void pci_write16(const pci_function_t *function, uint8_t offset, uint16_t value);

/* Capabilities, one after the other: `cursor` is zero at first. Returns its id, and stores where it begins, at most
 * 0xfc; 0 behind the last one. */
typedef struct _pci_cursor_t {
    uint8_t count, next;
} pci_cursor_t;

uint8_t pci_next_capability(const pci_function_t *function, pci_cursor_t *cursor, uint8_t *offset);

/* The physical address that a memory BAR says; 0 where there is none. */
uint64_t pci_bar(const pci_function_t *function, unsigned index);

#endif // MICROPY_INCLUDED_DRIVERS_PCI_H
