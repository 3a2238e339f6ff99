/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* FADT (ACPI 6.5, 5.2.9): power-off, reset, PM timer, DSDT. */
#include "drivers/acpi_read.h"
#include "drivers/acpi_tables.h"

/* Offsets: table 5.9. A table of an older revision is shorter; fields beyond its end are
 * read as 0, which means "none" for each. */
#define FADT_DSDT 40
#define FADT_PM1A_CNT_BLK 64
#define FADT_PM1B_CNT_BLK 68
#define FADT_PM_TMR_BLK 76
#define FADT_CENTURY 108
#define FADT_FLAGS 112
#define FADT_SIZE_V1 116
#define FADT_RESET_REG 116
#define FADT_RESET_VALUE 128
#define FADT_X_DSDT 140
#define FADT_X_PM1A_CNT_BLK 172
#define FADT_X_PM1B_CNT_BLK 184
#define FADT_X_PM_TMR_BLK 208
#define FADT_SLEEP_CONTROL_REG 244
#define FADT_SLEEP_STATUS_REG 256
#define FADT_HYPERVISOR 268

/* Generic Address Structure: 5.2.3.2. */
#define GAS_SIZE 12
#define GAS_SYSTEM_MEMORY 0
#define GAS_SYSTEM_IO 1

#define IO_LIMIT 0x10000

typedef struct _fadt_t {
    const uint8_t *view;
    uint32_t len;
} fadt_t;

static bool has(const fadt_t *fadt, uint32_t offset, uint32_t size) {
    return fadt->len >= offset + size;
}

static uint8_t field8(const fadt_t *fadt, uint32_t offset) {
    return has(fadt, offset, 1) ? fadt->view[offset] : 0;
}

static uint32_t field32(const fadt_t *fadt, uint32_t offset) {
    return has(fadt, offset, 4) ? le32_at(fadt->view + offset) : 0;
}

static uint64_t field64(const fadt_t *fadt, uint32_t offset) {
    return has(fadt, offset, 8) ? le64_at(fadt->view + offset) : 0;
}

static acpi_register_t field_gas(const fadt_t *fadt, uint32_t offset) {
    acpi_register_t reg = { 0, ACPI_SPACE_NONE, 0 };
    if (!has(fadt, offset, GAS_SIZE)) {
        return reg;
    }
    const uint8_t *gas = fadt->view + offset;
    uint64_t address = le64_at(gas + 4);
    if (gas[0] == GAS_SYSTEM_MEMORY && address != 0 && address < ACPI_PHYS_LIMIT - 8) {
        reg = (acpi_register_t) { address, ACPI_SPACE_MEMORY, gas[1] };
    } else if (gas[0] == GAS_SYSTEM_IO && address != 0 && address < IO_LIMIT) {
        reg = (acpi_register_t) { address, ACPI_SPACE_IO, gas[1] };
    }
    return reg;
}

/* A register that has an extended form and, on machines that have it in I/O space, the port
 * number of ACPI 1.0. The extended form counts where it is set (5.2.9). */
static acpi_register_t field_extended(const fadt_t *fadt, uint32_t extended, uint32_t legacy, uint8_t bit_width) {
    acpi_register_t reg = field_gas(fadt, extended);
    uint32_t port = field32(fadt, legacy);
    if (reg.space == ACPI_SPACE_NONE && port != 0 && port < IO_LIMIT) {
        reg = (acpi_register_t) { port, ACPI_SPACE_IO, bit_width };
    }
    return reg;
}

acpi_state_t acpi_load_fadt(acpi_info_t *info, uint64_t paddr) {
    fadt_t fadt;
    acpi_state_t state = acpi_open_table(info, paddr, "FACP", &fadt.view, &fadt.len);
    if (state != ACPI_OK || fadt.len < FADT_SIZE_V1) {
        return ACPI_BROKEN;
    }
    info->fadt_flags = field32(&fadt, FADT_FLAGS);
    info->rtc_century = field8(&fadt, FADT_CENTURY);
    info->dsdt_paddr = field64(&fadt, FADT_X_DSDT);
    if (info->dsdt_paddr == 0) {
        info->dsdt_paddr = field32(&fadt, FADT_DSDT);
    }
    if (has(&fadt, FADT_HYPERVISOR, 8)) {
        acpi_copy_text(info->hypervisor, fadt.view + FADT_HYPERVISOR, 8);
    }
    if (info->fadt_flags & ACPI_FADT_RESET_REG_SUP) {
        info->reset = field_gas(&fadt, FADT_RESET_REG);
        info->reset_value = field8(&fadt, FADT_RESET_VALUE);
    }
    /* A machine has the one kind of sleep registers or the other (4.1). */
    if (info->fadt_flags & ACPI_FADT_HW_REDUCED) {
        info->sleep_control = field_gas(&fadt, FADT_SLEEP_CONTROL_REG);
        info->sleep_status = field_gas(&fadt, FADT_SLEEP_STATUS_REG);
    } else {
        info->pm1a_control = field_extended(&fadt, FADT_X_PM1A_CNT_BLK, FADT_PM1A_CNT_BLK, 16);
        info->pm1b_control = field_extended(&fadt, FADT_X_PM1B_CNT_BLK, FADT_PM1B_CNT_BLK, 16);
    }
    /* Cloud Hypervisor is hardware-reduced and has the timer all the same, with PM_TMR_LEN 0. */
    info->pm_timer = field_extended(&fadt, FADT_X_PM_TMR_BLK, FADT_PM_TMR_BLK, 32);
    if (info->pm_timer.space != ACPI_SPACE_NONE) {
        info->pm_timer_bits = info->fadt_flags & ACPI_FADT_TMR_VAL_EXT ? 32 : 24;
    }
    return ACPI_OK;
}
