/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <stddef.h>
#include <string.h>

#include "drivers/acpi_dsdt.h"
#include "drivers/driver.h"
#include "drivers/lapic.h"
#include "kernel/board.h"
#include "kernel/devices.h"
#include "kernel/disk.h"
#include "kernel/hotplug.h"
#include "kernel/irq.h"
#include "kernel/machine.h"
#include "kernel/net/net.h"
#include "kernel/rng.h"
#include "kernel/system.h"

/* GDST: a byte; reading it clears it. */
#define EVENT_PCI 0x04
#define EVENT_POWER_BUTTON 0x08

/* PCST: 32 bits each. Reading the first two clears them. A bit for each slot of the segment that was selected. */
enum {
    PLUGGED = 0x0,
    TO_BE_REMOVED = 0x4,
    EJECT = 0x8,
    SEGMENT = 0xc,
    PCI_REGISTERS = 0x10,
};

#define SLOTS 32

static mmio_t event_status, pci_registers;

static void on_event(interrupt_frame_t *frame) {
    (void)frame;
    devices_signal();
    lapic_eoi();
}

static mmio_t map_region(const acpi_dsdt_t *dsdt, const char *name, size_t len) {
    acpi_region_t region;
    bool found = acpi_dsdt_region(dsdt, name, &region) && region.space == ACPI_SPACE_MEMORY && region.length >= len;
    return found ? driver_map(region.address, len) : NULL;
}

void hotplug_init(void) {
    acpi_dsdt_t dsdt;
    uint32_t gsi;
    if (acpi_dsdt_open(&machine.acpi, &dsdt) != ACPI_OK || !acpi_dsdt_interrupt(&dsdt, "GED_", &gsi)) {
        return;
    }
    pci_registers = map_region(&dsdt, "PCST", PCI_REGISTERS);
    event_status = map_region(&dsdt, "GDST", 1);
    if (event_status) {
        irq_connect_gsi(gsi, "events", on_event);
        devices_signal(); // There may have been some.
    }
}

static void remove(uint16_t segment, unsigned slot) {
    disk_detach(segment, slot);
    rng_detach(segment, slot);
    #if BOARD_NETWORK
    network_detach(segment, slot);
    #endif
    mmio_write32(pci_registers + EJECT, 1u << slot);
}

static void add(uint16_t segment, unsigned slot) {
    pci_function_t function;
    if (pci_find(&machine.acpi, segment, slot, &function)) {
        devices_start(&function);
    }
}

static void check_segment(uint16_t segment) {
    mmio_write32(pci_registers + SEGMENT, segment);
    uint32_t to_be_removed = mmio_read32(pci_registers + TO_BE_REMOVED);
    uint32_t plugged = mmio_read32(pci_registers + PLUGGED);
    for (unsigned slot = 0; slot < SLOTS; ++slot) {
        if (to_be_removed >> slot & 1) {
            remove(segment, slot);
        }
        if (plugged >> slot & 1) {
            add(segment, slot);
        }
    }
}

static void check_pci(void) {
    acpi_cursor_t cursor = { 0 };
    acpi_pci_segment_t segment;
    while (acpi_mcfg_next_segment(&machine.acpi, &cursor, &segment)) {
        check_segment(segment.segment);
    }
}

/* An application that does not end when it is asked to is not asked twice. */
static void press_power_button(void) {
    if (!system_ask_to_stop()) {
        disks_flush();
        system_power_off();
    }
}

void hotplug_check(void) {
    uint8_t events = event_status ? mmio_read8(event_status) : 0;
    if (events & EVENT_PCI && pci_registers) {
        check_pci();
    }
    if (events & EVENT_POWER_BUTTON) {
        press_power_button();
    }
}
