/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Everything that drivers/acpi.h and acpi_dsdt.h promise about their results, checked. For
 * the fuzzers, whatever the tables say. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_ACPI_WALK_H
#define MICROPY_INCLUDED_TESTS_HOST_ACPI_WALK_H

#include "drivers/acpi.h"
#include "drivers/acpi_dsdt.h"
#include "tests/host/check.h"

static inline void walk_register(const acpi_register_t *reg) {
    switch (reg->space) {
        case ACPI_SPACE_NONE:
            CHECK_EQ(reg->address, 0);
            break;
        case ACPI_SPACE_MEMORY:
            CHECK(reg->address > 0 && reg->address < 1ull << 52);
            break;
        case ACPI_SPACE_IO:
            CHECK(reg->address > 0 && reg->address < 0x10000);
            break;
        default:
            CHECK(!"no such space");
    }
}

static inline bool is_text(const char *text, size_t max) {
    for (size_t i = 0; i <= max; i++) {
        if (text[i] == '\0') {
            return true;
        }
        if (text[i] < ' ' || text[i] > '~') {
            return false;
        }
    }
    return false;
}

static inline void walk_cpus(const acpi_info_t *info) {
    acpi_cursor_t cursor = { 0 };
    acpi_cpu_t cpu;
    uint32_t possible = 0;
    uint32_t enabled = 0;
    static uint32_t ids[70000]; /* More than fit into any table a fuzzer makes. */
    while (acpi_madt_next_cpu(info, &cursor, &cpu)) {
        for (uint32_t i = 0; i < possible; i++) {
            CHECK(ids[i] != cpu.apic_id);
        }
        CHECK(possible < 70000);
        ids[possible++] = cpu.apic_id;
        enabled += cpu.enabled;
    }
    CHECK_EQ(info->cpu_possible_count, possible);
    CHECK_EQ(info->cpu_enabled_count, enabled);
    CHECK(info->madt == ACPI_OK || (possible == 0 && info->lapic_paddr == 0));
}

static inline void walk_dsdt(const acpi_info_t *info) {
    acpi_dsdt_t dsdt;
    acpi_state_t state = acpi_dsdt_open(info, &dsdt);
    CHECK_EQ(state == ACPI_ABSENT, info->dsdt_paddr == 0);
    for (unsigned n = 0; n <= 5; n++) {
        uint8_t a, b;
        if (acpi_dsdt_sleep_type(&dsdt, n, &a, &b)) {
            CHECK(state == ACPI_OK && a <= 7 && b <= 7);
        }
    }
    static const char *const names[] = { "PCST", "PRST", "GDST", "MHPR", "DBG_" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        acpi_region_t region;
        if (acpi_dsdt_region(&dsdt, names[i], &region)) {
            CHECK(state == ACPI_OK && region.length > 0 && region.address + region.length >= region.address);
            CHECK(region.space == ACPI_SPACE_MEMORY || region.address + region.length <= 0x10000);
        }
    }
    uint32_t gsi;
    CHECK(!acpi_dsdt_interrupt(&dsdt, "GED_", &gsi) || state == ACPI_OK);
}

static inline void walk_acpi(const acpi_info_t *info) {
    CHECK(is_text(info->oem_id, 6) && is_text(info->hypervisor, 8));
    if (info->root != ACPI_OK) {
        CHECK(info->madt == ACPI_ABSENT && info->fadt == ACPI_ABSENT && info->mcfg == ACPI_ABSENT);
    }
    walk_cpus(info);

    acpi_cursor_t cursor = { 0 };
    acpi_ioapic_t ioapic;
    while (acpi_madt_next_ioapic(info, &cursor, &ioapic)) {
        CHECK(ioapic.paddr != 0);
    }
    for (unsigned irq = 0; irq < 16; irq++) {
        uint16_t flags = 0xdead;
        uint32_t gsi = acpi_isa_irq_to_gsi(info, irq, &flags);
        CHECK(info->madt == ACPI_OK || (gsi == irq && flags == 0));
    }

    cursor = (acpi_cursor_t) { 0 };
    acpi_pci_segment_t segment;
    while (acpi_mcfg_next_segment(info, &cursor, &segment)) {
        CHECK(info->mcfg == ACPI_OK && segment.ecam_paddr % 0x1000 == 0 && segment.ecam_paddr > 0);
        CHECK(segment.start_bus <= segment.end_bus);
        CHECK(segment.ecam_paddr + ((segment.end_bus + 1ull) << 20) <= 1ull << 52);
    }

    const acpi_register_t *registers[] = {
        &info->reset, &info->sleep_control, &info->sleep_status, &info->pm1a_control, &info->pm1b_control, &info->pm_timer,
    };
    for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
        walk_register(registers[i]);
        CHECK(info->fadt == ACPI_OK || registers[i]->space == ACPI_SPACE_NONE);
    }
    CHECK_EQ(info->pm_timer_bits == 0, info->pm_timer.space == ACPI_SPACE_NONE);
    walk_dsdt(info);

    cursor = (acpi_cursor_t) { 0 };
    acpi_table_t table;
    while (acpi_next_table(info, &cursor, &table)) {
        CHECK(is_text(table.signature, 4) && table.paddr != 0);
        CHECK(table.state != ACPI_OK || (table.length >= 36 && table.length <= ACPI_TABLE_MAX));
        CHECK(table.state != ACPI_ABSENT);
    }
}

#endif // MICROPY_INCLUDED_TESTS_HOST_ACPI_WALK_H
