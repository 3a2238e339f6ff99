/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The static ACPI tables, as far as this kernel needs them. Sections cited are those of the
 * ACPI specification 6.5. Reads only; no AML (see acpi_dsdt.h for the little we take out of
 * that). Every length and checksum is verified before use; tables may lie at any alignment,
 * overlap, or refer to themselves. What is missing or broken is reported as such and the
 * rest is still used. Pure: memory is reached by the caller's acpi_map_t only. */
#ifndef MICROPY_INCLUDED_DRIVERS_ACPI_H
#define MICROPY_INCLUDED_DRIVERS_ACPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A table that says it is longer is taken as broken. */
#define ACPI_TABLE_MAX (16u << 20)
/* Entries of the RSDT or XSDT that are looked at. */
#define ACPI_ROOT_ENTRIES_MAX 1024

/* Gives a view of `len` bytes (1 to ACPI_TABLE_MAX) of physical memory at `paddr`, any
 * alignment, or NULL where that cannot be. Views stay valid as long as the acpi_info_t is
 * used. */
typedef const void *(*acpi_map_t)(void *ctx, uint64_t paddr, size_t len);

typedef enum _acpi_state_t {
    ACPI_ABSENT, /* Not there. */
    ACPI_BROKEN, /* There, and unreadable or with a wrong length or checksum: not used. */
    ACPI_OK,
} acpi_state_t;

/* A register, out of a Generic Address Structure (5.2.3.2) or a legacy port number. */
typedef enum _acpi_space_t {
    ACPI_SPACE_NONE, /* The machine does not have this register. */
    ACPI_SPACE_MEMORY,
    ACPI_SPACE_IO,
} acpi_space_t;

typedef struct _acpi_register_t {
    uint64_t address;  /* I/O: below 0x10000. */
    uint8_t space;     /* acpi_space_t. */
    uint8_t bit_width; /* As the table says, 0 where it does not. */
} acpi_register_t;

/* FADT flags: table 5.10. */
#define ACPI_FADT_TMR_VAL_EXT (1u << 8)
#define ACPI_FADT_RESET_REG_SUP (1u << 10)
#define ACPI_FADT_HW_REDUCED (1u << 20)

typedef struct _acpi_info_t {
    acpi_state_t root; /* RSDP and the RSDT or XSDT. Not OK: all the others are ABSENT. */
    acpi_state_t madt;
    acpi_state_t fadt;
    acpi_state_t mcfg;
    char oem_id[7]; /* Of the RSDP, ended by a NUL, unprintable bytes made '?'. "CLOUDH", "BOCHS ". */

    /* MADT (5.2.12). */
    uint64_t lapic_paddr;        /* Type 5 override considered; 0 without MADT. */
    uint32_t cpu_enabled_count;  /* CPUs that are there now; 0 without MADT. */
    uint32_t cpu_possible_count; /* And those that can be plugged in later. */

    /* FADT (5.2.9). Registers that the table does not have are ACPI_SPACE_NONE. */
    uint32_t fadt_flags;
    acpi_register_t reset;           /* Only where RESET_REG_SUP is set. */
    uint8_t reset_value;             /* What to write to it. */
    acpi_register_t sleep_control;   /* Hardware-reduced machines: 4.8.3.7. */
    acpi_register_t sleep_status;
    acpi_register_t pm1a_control;    /* All others: 4.8.3.2. Write 16 bits. */
    acpi_register_t pm1b_control;
    acpi_register_t pm_timer;        /* 3,579,545 Hz, read 32 bits: 4.8.3.3. */
    uint8_t pm_timer_bits;           /* 24 or 32 that count; 0 without a timer. */
    uint8_t rtc_century;             /* CMOS index of the century; 0: none. */
    char hypervisor[9];              /* Hypervisor vendor, as oem_id; "" where none. "CLOUDHYP". */
    uint64_t dsdt_paddr;             /* 0: none. */

    /* Private. */
    acpi_map_t map;
    void *map_ctx;
    uint64_t root_paddr;
    const uint8_t *root_view;
    const uint8_t *madt_view; /* Verified, madt_len bytes; NULL where not OK. */
    const uint8_t *mcfg_view;
    uint32_t root_len;
    uint32_t root_entry_size; /* 4: RSDT. 8: XSDT. */
    uint32_t madt_len;
    uint32_t mcfg_len;
} acpi_info_t;

/* Reads the tables from the RSDP at `rsdp_paddr` (0: none) on. Fills all of `info`. Once,
 * on the boot CPU; afterwards `info` is only read. */
void acpi_init(acpi_info_t *info, uint64_t rsdp_paddr, acpi_map_t map, void *map_ctx);

/* "absent", "broken" or "ok". */
const char *acpi_state_text(acpi_state_t state);

/* CPUs: MADT type 0 and 9 entries that are enabled or can be (table 5.22), each APIC id
 * once. Start with a cursor of zeros; returns false after the last one.
 *     acpi_cursor_t cursor = { 0 };
 *     while (acpi_madt_next_cpu(info, &cursor, &cpu)) { ... } */
typedef struct _acpi_cursor_t {
    uint32_t offset;
    uint64_t seen[4]; /* APIC ids below 256 that were returned. */
} acpi_cursor_t;

typedef struct _acpi_cpu_t {
    uint32_t apic_id; /* Not contiguous, not sorted. */
    uint32_t uid;     /* As the DSDT names the CPU. */
    bool enabled;     /* There now. Else: can be plugged in later. */
} acpi_cpu_t;

bool acpi_madt_next_cpu(const acpi_info_t *info, acpi_cursor_t *cursor, acpi_cpu_t *cpu);

/* IOAPICs: MADT type 1. */
typedef struct _acpi_ioapic_t {
    uint32_t id;
    uint32_t paddr;    /* Not 0. */
    uint32_t gsi_base; /* GSI of its first pin. */
} acpi_ioapic_t;

bool acpi_madt_next_ioapic(const acpi_info_t *info, acpi_cursor_t *cursor, acpi_ioapic_t *ioapic);

/* MPS INTI flags: table 5.26. "Bus" means edge and active high for ISA. */
#define ACPI_INTI_ACTIVE_LOW(flags) (((flags) & 3) == 3)
#define ACPI_INTI_LEVEL(flags) ((((flags) >> 2) & 3) == 3)

/* The GSI of ISA interrupt `irq` (0..15), as the overrides (MADT type 2) say; without one,
 * `irq` itself. Stores the MPS INTI flags. */
uint32_t acpi_isa_irq_to_gsi(const acpi_info_t *info, unsigned irq, uint16_t *flags);

/* PCI ECAM segments: MCFG (PCI firmware specification 3.3, 4.1.2). Entries that wrap or end
 * before they start are passed over. */
typedef struct _acpi_pci_segment_t {
    uint64_t ecam_paddr; /* Of bus 0, as the table means it: bus b is at + (b << 20). */
    uint16_t segment;
    uint8_t start_bus;
    uint8_t end_bus; /* Included. */
} acpi_pci_segment_t;

bool acpi_mcfg_next_segment(const acpi_info_t *info, acpi_cursor_t *cursor, acpi_pci_segment_t *segment);

/* All tables: the root (XSDT or RSDT), those it lists, the DSDT. Tables whose header cannot
 * be read are passed over; `state` says whether length and checksum of the others hold. */
typedef struct _acpi_table_t {
    uint64_t paddr;
    uint32_t length;
    char signature[5]; /* Ended by a NUL; unprintable bytes made '?'. */
    uint8_t state;     /* acpi_state_t: ACPI_OK or ACPI_BROKEN. */
} acpi_table_t;

bool acpi_next_table(const acpi_info_t *info, acpi_cursor_t *cursor, acpi_table_t *table);

#endif // MICROPY_INCLUDED_DRIVERS_ACPI_H
