/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <stddef.h>

#include "boot/cpu.h"
#include "boot/spinlock.h"
#include "drivers/pci.h"

/* Configuration mechanism 1: PCI 3.0, 3.2.2.3.2. */
#define PORT_ADDRESS 0xcf8
#define PORT_DATA 0xcfc
#define ADDRESS_ENABLE (1u << 31)

#define VENDOR_NONE 0xffff

/* The dword with the header's kind, and of a bridge that with its buses: PCI 3.0, 6.1; PCI-to-PCI bridge 1.2, 3.2. */
#define HEADER 0x0c
#define HEADER_MULTIFUNCTION (1u << 7)
#define BRIDGE_BUSES 0x18
#define BRIDGE_HEADER 1

#define SLOTS 32
#define FUNCTIONS 8
#define BUSES 256
#define BUS_SIZE (1u << 20)

/* As many fit into a configuration space. */
#define CAPABILITIES_MAX 48
#define CAPABILITIES_FIRST 0x40

/* A memory BAR: PCI 3.0, 6.2.5.1. */
#define BAR_IO (1u << 0)
#define BAR_TYPE (3u << 1)
#define BAR_64_BITS (2u << 1)
#define BAR_FLAGS 0xfu

static spinlock_t lock = SPINLOCK_INIT(LOCK_RANK_PCI); // The pair of ports.

static uint32_t port_address(const pci_function_t *at, uint8_t offset) {
    return ADDRESS_ENABLE | at->bus << 16 | at->slot << 11 | at->function << 8 | (offset & 0xfc);
}

uint32_t pci_read32(const pci_function_t *at, uint8_t offset) {
    if (at->ecam) {
        return mmio_read32(at->ecam + offset);
    }
    uint64_t flags = spin_lock_irqsave(&lock);
    out32(PORT_ADDRESS, port_address(at, offset));
    uint32_t value = in32(PORT_DATA);
    spin_unlock_irqrestore(&lock, flags);
    return value;
}

uint16_t pci_read16(const pci_function_t *at, uint8_t offset) {
    return pci_read32(at, offset & 0xfc) >> 8 * (offset & 2);
}

uint8_t pci_read8(const pci_function_t *at, uint8_t offset) {
    return pci_read32(at, offset & 0xfc) >> 8 * (offset & 3);
}

void pci_write16(const pci_function_t *at, uint8_t offset, uint16_t value) {
    if (at->ecam) {
        mmio_write16(at->ecam + offset, value);
        return;
    }
    uint64_t flags = spin_lock_irqsave(&lock);
    out32(PORT_ADDRESS, port_address(at, offset));
    out16(PORT_DATA + (offset & 2), value);
    spin_unlock_irqrestore(&lock, flags);
}

/* Buses that were found. They are looked at in order, so that a bridge that lies about what is behind it leads nowhere
 * twice. */
typedef struct _bus_set_t {
    uint64_t bits[BUSES / 64];
} bus_set_t;

static bool set_has(const bus_set_t *set, uint8_t bus) {
    return set->bits[bus / 64] >> bus % 64 & 1;
}

static void set_add(bus_set_t *set, uint8_t bus) {
    set->bits[bus / 64] |= 1ull << bus % 64;
}

/* Fills in what is at the function's address. `more`: whether there are functions beside it. */
static bool identify(pci_function_t *at, bool *more) {
    uint32_t id = pci_read32(at, PCI_ID);
    at->vendor = id;
    at->device = id >> 16;
    if (at->vendor == VENDOR_NONE) {
        return false;
    }
    uint8_t header = pci_read32(at, HEADER) >> 16;
    at->header = header & ~HEADER_MULTIFUNCTION;
    *more = header & HEADER_MULTIFUNCTION;
    return true;
}

typedef struct _scan_t {
    acpi_pci_segment_t segment;
    mmio_t ecam;       /* Of the bus; NULL: by ports. */
    bus_set_t found;
    bool to_gap;       /* Of the bus. */
    pci_visit_t (*visit)(const pci_function_t *function, void *ctx);
    void *ctx;
} scan_t;

static pci_function_t function_at(const scan_t *scan, uint8_t bus, uint8_t slot, uint8_t function) {
    // PCI Express 4.0, 7.2.2.
    mmio_t ecam = scan->ecam ? scan->ecam + (slot << 15 | function << 12) : NULL;
    return (pci_function_t) { .ecam = ecam, .segment = scan->segment.segment, .bus = bus, .slot = slot, .function = function };
}

static bool enter_bus(scan_t *scan, uint8_t bus) {
    if (!scan->segment.ecam_paddr) {
        return true;
    }
    scan->ecam = driver_map(scan->segment.ecam_paddr + (uint64_t)bus * BUS_SIZE, BUS_SIZE);
    return scan->ecam;
}

/* PCI_STOP_AT_GAP: the slot is empty. */
static pci_visit_t scan_slot(scan_t *scan, uint8_t bus, uint8_t slot) {
    bool more = true;
    for (unsigned i = 0; i < FUNCTIONS && more; ++i) {
        pci_function_t function = function_at(scan, bus, slot, i);
        bool has_others;
        if (!identify(&function, &has_others)) {
            if (!i) {
                return PCI_STOP_AT_GAP; // Without function 0 there is no other.
            }
            continue;
        }
        if (!i) {
            more = has_others;
        }
        if (function.header == BRIDGE_HEADER) {
            set_add(&scan->found, pci_read32(&function, BRIDGE_BUSES) >> 8);
        }
        pci_visit_t next = scan->visit(&function, scan->ctx);
        if (next == PCI_STOP) {
            return PCI_STOP;
        }
        scan->to_gap = scan->to_gap || next == PCI_STOP_AT_GAP;
    }
    return PCI_GO_ON;
}

/* False where `visit` has had enough. */
static bool scan_segment(scan_t *scan) {
    scan->found = (bus_set_t) { { 0 } };
    set_add(&scan->found, scan->segment.start_bus);
    for (unsigned bus = scan->segment.start_bus; bus <= scan->segment.end_bus; ++bus) {
        if (!set_has(&scan->found, bus) || !enter_bus(scan, bus)) {
            continue;
        }
        scan->to_gap = false;
        for (unsigned slot = 0; slot < SLOTS; ++slot) {
            pci_visit_t next = scan_slot(scan, bus, slot);
            if (next == PCI_STOP) {
                return false;
            }
            if (next == PCI_STOP_AT_GAP && scan->to_gap) {
                break;
            }
        }
    }
    return true;
}

/* Segment 0 without ECAM, where the tables name none. */
#define BY_PORTS ((acpi_pci_segment_t) { .end_bus = BUSES - 1 })

void pci_scan(const acpi_info_t *acpi, pci_visit_t (*visit)(const pci_function_t *function, void *ctx), void *ctx) {
    scan_t scan = { .visit = visit, .ctx = ctx };
    acpi_cursor_t cursor = { 0 };
    bool any = false;
    while (acpi_mcfg_next_segment(acpi, &cursor, &scan.segment)) {
        any = true;
        if (!scan_segment(&scan)) {
            return;
        }
    }
    if (!any) {
        scan.segment = BY_PORTS;
        scan_segment(&scan);
    }
}

bool pci_find(const acpi_info_t *acpi, uint16_t segment, uint8_t slot, pci_function_t *function) {
    scan_t scan = { .segment = BY_PORTS };
    acpi_cursor_t cursor = { 0 };
    acpi_pci_segment_t found;
    while (acpi_mcfg_next_segment(acpi, &cursor, &found)) {
        if (found.segment == segment) {
            scan.segment = found;
        }
    }
    if (scan.segment.segment != segment || slot >= SLOTS || !enter_bus(&scan, scan.segment.start_bus)) {
        return false;
    }
    *function = function_at(&scan, scan.segment.start_bus, slot, 0);
    bool more;
    return identify(function, &more);
}

uint8_t pci_next_capability(const pci_function_t *function, pci_cursor_t *cursor, uint8_t *offset) {
    if (!cursor->count) {
        bool any = pci_read16(function, PCI_STATUS) & PCI_STATUS_CAPABILITIES;
        cursor->next = any ? pci_read8(function, PCI_CAPABILITIES) : 0;
    }
    // The two lowest bits are reserved: PCI 3.0, 6.7.
    uint8_t at = cursor->next & 0xfc;
    if (at < CAPABILITIES_FIRST || cursor->count++ >= CAPABILITIES_MAX) {
        return 0;
    }
    uint16_t head = pci_read16(function, at);
    cursor->next = head >> 8;
    *offset = at;
    return head;
}

uint64_t pci_bar(const pci_function_t *function, unsigned index) {
    if (index >= PCI_BARS) {
        return 0;
    }
    uint32_t low = pci_read32(function, PCI_BAR + 4 * index);
    if (low & BAR_IO) {
        return 0;
    }
    uint64_t high = 0;
    if ((low & BAR_TYPE) == BAR_64_BITS) {
        if (index + 1 >= PCI_BARS) {
            return 0;
        }
        high = pci_read32(function, PCI_BAR + 4 * (index + 1));
    }
    return high << 32 | (low & ~BAR_FLAGS);
}
