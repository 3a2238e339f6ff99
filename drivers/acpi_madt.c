/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* MADT (ACPI 6.5, 5.2.12): CPUs and interrupt controllers. MCFG: PCI configuration space. */
#include "drivers/acpi_read.h"
#include "drivers/acpi_tables.h"

#define MADT_LAPIC_ADDRESS 36
#define MADT_ENTRIES 44

/* Interrupt controller structures: type and length in the first two bytes. */
#define MADT_LAPIC 0          /* 5.2.12.2 */
#define MADT_LAPIC_SIZE 8
#define MADT_IOAPIC 1         /* 5.2.12.3 */
#define MADT_IOAPIC_SIZE 12
#define MADT_OVERRIDE 2       /* 5.2.12.5 */
#define MADT_OVERRIDE_SIZE 10
#define MADT_LAPIC_ADDRESS_OVERRIDE 5 /* 5.2.12.8 */
#define MADT_LAPIC_ADDRESS_OVERRIDE_SIZE 12
#define MADT_X2APIC 9         /* 5.2.12.12 */
#define MADT_X2APIC_SIZE 16

/* Local APIC flags: table 5.22. */
#define CPU_ENABLED (1u << 0)
#define CPU_ONLINE_CAPABLE (1u << 1)

/* APIC ids that address all CPUs: Intel SDM volume 3, 11.6.2 and 11.12.9. */
#define LAPIC_BROADCAST 0xff
#define X2APIC_BROADCAST 0xffffffff

#define MCFG_ENTRIES 44
#define MCFG_ENTRY_SIZE 16

/* The structure at *offset (0: the first), and moves on. NULL after the last one, or where
 * one does not fit: what follows cannot be found then. */
static const uint8_t *next_entry(const acpi_info_t *info, uint32_t *offset) {
    uint32_t at = *offset == 0 ? MADT_ENTRIES : *offset;
    if (info->madt_view == NULL || info->madt_len < at + 2) {
        return NULL;
    }
    const uint8_t *entry = info->madt_view + at;
    uint8_t size = entry[1];
    if (size < 2 || size > info->madt_len - at) {
        return NULL;
    }
    *offset = at + size;
    return entry;
}

/* The next structure of that type that is at least `size` bytes long. */
static const uint8_t *next_of_type(const acpi_info_t *info, uint32_t *offset, uint8_t type, uint8_t size) {
    const uint8_t *entry;
    while ((entry = next_entry(info, offset)) != NULL) {
        if (entry[0] == type && entry[1] >= size) {
            break;
        }
    }
    return entry;
}

/* The CPU that a structure describes. Returns false where it describes none, or one that
 * cannot be used. */
static bool parse_cpu(const uint8_t *entry, acpi_cpu_t *cpu) {
    uint32_t flags, broadcast;
    if (entry[0] == MADT_LAPIC && entry[1] >= MADT_LAPIC_SIZE) {
        cpu->uid = entry[2];
        cpu->apic_id = entry[3];
        flags = le32_at(entry + 4);
        broadcast = LAPIC_BROADCAST;
    } else if (entry[0] == MADT_X2APIC && entry[1] >= MADT_X2APIC_SIZE) {
        cpu->apic_id = le32_at(entry + 4);
        flags = le32_at(entry + 8);
        cpu->uid = le32_at(entry + 12);
        broadcast = X2APIC_BROADCAST;
    } else {
        return false;
    }
    cpu->enabled = flags & CPU_ENABLED;
    return (flags & (CPU_ENABLED | CPU_ONLINE_CAPABLE)) != 0 && cpu->apic_id != broadcast;
}

/* True where this APIC id was returned before the structure that ends at `end`, and notes it
 * as returned. Ids from 256 on, which only large machines have, are looked up in the table
 * itself. */
static bool seen(const acpi_info_t *info, acpi_cursor_t *cursor, uint32_t apic_id, uint32_t end) {
    if (apic_id < 256) {
        uint64_t bit = 1ull << (apic_id & 63);
        uint64_t *word = &cursor->seen[apic_id >> 6];
        bool before = *word & bit;
        *word |= bit;
        return before;
    }
    uint32_t offset = 0;
    const uint8_t *entry;
    acpi_cpu_t other;
    while ((entry = next_entry(info, &offset)) != NULL && offset < end) {
        if (parse_cpu(entry, &other) && other.apic_id == apic_id) {
            return true;
        }
    }
    return false;
}

bool acpi_madt_next_cpu(const acpi_info_t *info, acpi_cursor_t *cursor, acpi_cpu_t *cpu) {
    const uint8_t *entry;
    while ((entry = next_entry(info, &cursor->offset)) != NULL) {
        if (parse_cpu(entry, cpu) && !seen(info, cursor, cpu->apic_id, cursor->offset)) {
            return true;
        }
    }
    return false;
}

bool acpi_madt_next_ioapic(const acpi_info_t *info, acpi_cursor_t *cursor, acpi_ioapic_t *ioapic) {
    const uint8_t *entry;
    while ((entry = next_of_type(info, &cursor->offset, MADT_IOAPIC, MADT_IOAPIC_SIZE)) != NULL) {
        ioapic->id = entry[2];
        ioapic->paddr = le32_at(entry + 4);
        ioapic->gsi_base = le32_at(entry + 8);
        if (ioapic->paddr != 0) {
            return true;
        }
    }
    return false;
}

uint32_t acpi_isa_irq_to_gsi(const acpi_info_t *info, unsigned irq, uint16_t *flags) {
    uint32_t offset = 0;
    const uint8_t *entry;
    while ((entry = next_of_type(info, &offset, MADT_OVERRIDE, MADT_OVERRIDE_SIZE)) != NULL) {
        if (entry[2] == 0 && entry[3] == irq) { /* Bus 0 is ISA. */
            *flags = le16_at(entry + 8);
            return le32_at(entry + 4);
        }
    }
    *flags = 0;
    return irq;
}

acpi_state_t acpi_load_madt(acpi_info_t *info, uint64_t paddr) {
    const uint8_t *view;
    uint32_t len;
    acpi_state_t state = acpi_open_table(info, paddr, "APIC", &view, &len);
    if (state != ACPI_OK || len < MADT_ENTRIES) {
        return ACPI_BROKEN;
    }
    info->madt_view = view;
    info->madt_len = len;

    info->lapic_paddr = le32_at(view + MADT_LAPIC_ADDRESS);
    uint32_t offset = 0;
    const uint8_t *entry = next_of_type(info, &offset, MADT_LAPIC_ADDRESS_OVERRIDE, MADT_LAPIC_ADDRESS_OVERRIDE_SIZE);
    if (entry != NULL) {
        info->lapic_paddr = le64_at(entry + 4);
    }

    acpi_cursor_t cursor = { 0 };
    acpi_cpu_t cpu;
    while (acpi_madt_next_cpu(info, &cursor, &cpu)) {
        info->cpu_possible_count++;
        if (cpu.enabled) {
            info->cpu_enabled_count++;
        }
    }
    return ACPI_OK;
}

acpi_state_t acpi_load_mcfg(acpi_info_t *info, uint64_t paddr) {
    const uint8_t *view;
    uint32_t len;
    acpi_state_t state = acpi_open_table(info, paddr, "MCFG", &view, &len);
    if (state != ACPI_OK || len < MCFG_ENTRIES) {
        return ACPI_BROKEN;
    }
    info->mcfg_view = view;
    info->mcfg_len = len;
    return ACPI_OK;
}

bool acpi_mcfg_next_segment(const acpi_info_t *info, acpi_cursor_t *cursor, acpi_pci_segment_t *segment) {
    if (cursor->offset == 0) {
        cursor->offset = MCFG_ENTRIES;
    }
    while (info->mcfg_view != NULL && info->mcfg_len - cursor->offset >= MCFG_ENTRY_SIZE) {
        const uint8_t *entry = info->mcfg_view + cursor->offset;
        cursor->offset += MCFG_ENTRY_SIZE;
        segment->ecam_paddr = le64_at(entry);
        segment->segment = le16_at(entry + 8);
        segment->start_bus = entry[10];
        segment->end_bus = entry[11];
        uint64_t span = ((uint64_t)segment->end_bus + 1) << 20;
        if (segment->ecam_paddr != 0 && (segment->ecam_paddr & 0xfff) == 0
            && segment->ecam_paddr <= ACPI_PHYS_LIMIT - span && segment->start_bus <= segment->end_bus) {
            return true;
        }
    }
    return false;
}
