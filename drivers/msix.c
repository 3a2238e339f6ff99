/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "boot/cpu.h"
#include "boot/idt.h"
#include "drivers/lapic.h"
#include "drivers/msix.h"

/* The capability: PCI 3.0, 6.8.2.3 to 6.8.2.5. */
#define CONTROL 2
#define CONTROL_SIZE 0x7ffu
#define CONTROL_ENABLE (1u << 15)
#define TABLE 4
#define TABLE_BAR 7u
#define CAPABILITY_SIZE 12

/* An entry of the table: 6.8.2.6 to 6.8.2.9. */
#define ENTRY_SIZE 16
#define ENTRY_ADDRESS 0
#define ENTRY_DATA 8
#define ENTRY_CONTROL 12
#define ENTRY_MASKED 1u

#define VECTORS 256

static msix_interrupt_t *connected[VECTORS];
static uint32_t running[VECTORS]; /* How many CPUs may be about one of it. */

static void on_interrupt(interrupt_frame_t *frame) {
    uint32_t *about = &running[frame->vector];
    __atomic_fetch_add(about, 1, __ATOMIC_SEQ_CST);
    msix_interrupt_t *interrupt = __atomic_load_n(&connected[frame->vector], __ATOMIC_SEQ_CST);
    if (interrupt) {
        interrupt->fn(interrupt->ctx);
    }
    __atomic_fetch_sub(about, 1, __ATOMIC_RELEASE);
    lapic_eoi();
}

bool msix_init(msix_t *msix, const pci_function_t *function, uint8_t capability, uint16_t count_max) {
    if (capability > 0x100 - CAPABILITY_SIZE) {
        return false;
    }
    uint16_t control = pci_read16(function, capability + CONTROL);
    uint32_t table = pci_read32(function, capability + TABLE);
    uint16_t count = (control & CONTROL_SIZE) + 1;
    msix->count = count < count_max ? count : count_max;
    uint64_t bar = pci_bar(function, table & TABLE_BAR);
    msix->table = bar ? driver_map(bar + (table & ~TABLE_BAR), (uint32_t)msix->count * ENTRY_SIZE) : NULL;
    if (!msix->table) {
        return false;
    }
    // Entries are masked from reset on. Cloud Hypervisor reads as enabled before it is.
    pci_write16(function, capability + CONTROL, CONTROL_ENABLE);
    return true;
}

static mmio_t entry_of(const msix_t *msix, uint16_t entry) {
    return msix->table + entry * ENTRY_SIZE;
}

/* Masked meanwhile: the message is never half an old one. */
static bool send_to(mmio_t entry, uint8_t vector, uint32_t apic_id) {
    uint64_t address;
    if (!lapic_message_address(apic_id, &address)) {
        return false;
    }
    mmio_write32(entry + ENTRY_CONTROL, ENTRY_MASKED);
    mmio_write64(entry + ENTRY_ADDRESS, address);
    mmio_write32(entry + ENTRY_DATA, vector); // Edge, fixed: SDM volume 3, 11.11.2.
    mmio_write32(entry + ENTRY_CONTROL, 0);
    return true;
}

bool msix_connect(const msix_t *msix, uint16_t entry, msix_interrupt_t *interrupt, const char *name, uint32_t apic_id) {
    interrupt->vector = interrupt_allocate_vector(name, on_interrupt);
    if (!interrupt->vector) {
        return false;
    }
    __atomic_store_n(&connected[interrupt->vector], interrupt, __ATOMIC_SEQ_CST);
    if (!send_to(entry_of(msix, entry), interrupt->vector, apic_id)) {
        msix_disconnect(msix, entry, interrupt);
        return false;
    }
    return true;
}

bool msix_steer(const msix_t *msix, uint16_t entry, const msix_interrupt_t *interrupt, uint32_t apic_id) {
    return send_to(entry_of(msix, entry), interrupt->vector, apic_id);
}

void msix_disconnect(const msix_t *msix, uint16_t entry, msix_interrupt_t *interrupt) {
    uint8_t vector = interrupt->vector;
    if (!vector) {
        return;
    }
    mmio_write32(entry_of(msix, entry) + ENTRY_CONTROL, ENTRY_MASKED);
    __atomic_store_n(&connected[vector], NULL, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&running[vector], __ATOMIC_SEQ_CST)) {
        cpu_relax();
    }
    interrupt->vector = 0;
    interrupt_free_vector(vector);
}
