/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "boot/percpu.h"
#include "drivers/ioapic.h"
#include "drivers/lapic.h"
#include "drivers/pic.h"
#include "kernel/cpus.h"
#include "kernel/irq.h"
#include "kernel/machine.h"
#include "kernel/panic.h"

/* What every PC has, should the tables not tell. */
#define DEFAULT_LAPIC 0xfee00000
#define DEFAULT_IOAPIC 0xfec00000

/* The local APIC sends this when an interrupt went away: SDM volume 3, 11.9. No EOI. */
static void on_spurious(interrupt_frame_t *frame) {
    (void)frame;
}

bool irq_init_cpu(void) {
    return lapic_init(machine.acpi.lapic_paddr ? machine.acpi.lapic_paddr : DEFAULT_LAPIC);
}

void irq_init(void) {
    const acpi_info_t *acpi = &machine.acpi;
    if (!(acpi->fadt_flags & ACPI_FADT_HW_REDUCED)) {
        pic_disable();
    }
    interrupt_set_handler(VECTOR_SPURIOUS, on_spurious);
    if (!irq_init_cpu()) {
        panic("no memory to map the local APIC");
    }
    cpu_current()->apic_id = lapic_id();

    acpi_cursor_t cursor = { 0 };
    acpi_ioapic_t ioapic = { 0, DEFAULT_IOAPIC, 0 };
    // The first one has the ISA interrupts; nothing here uses another.
    acpi_madt_next_ioapic(acpi, &cursor, &ioapic);
    if (!ioapic_init(ioapic.paddr, ioapic.gsi_base)) {
        panic("no memory to map the I/O APIC");
    }
}

bool irq_connect_gsi(uint32_t gsi, const char *name, interrupt_handler_t handler) {
    uint8_t vector = interrupt_allocate_vector(name, handler);
    return vector && ioapic_route(gsi, vector, cpus_get(0)->boot.apic_id, false, false);
}

bool irq_connect_isa(unsigned irq, const char *name, interrupt_handler_t handler) {
    uint16_t flags;
    uint32_t gsi = acpi_isa_irq_to_gsi(&machine.acpi, irq, &flags);
    uint8_t vector = interrupt_allocate_vector(name, handler);
    return vector && ioapic_route(gsi, vector, cpu_current()->apic_id, ACPI_INTI_ACTIVE_LOW(flags), ACPI_INTI_LEVEL(flags));
}
