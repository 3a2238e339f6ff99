/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What we take out of the DSDT without an AML interpreter: a bounded scan for the bytes of
 * two kinds of definition (ACPI 6.5, chapter 20). Slow (it looks at every byte), so not
 * done at boot but when something is needed. */
#ifndef MICROPY_INCLUDED_DRIVERS_ACPI_DSDT_H
#define MICROPY_INCLUDED_DRIVERS_ACPI_DSDT_H

#include "drivers/acpi.h"

typedef struct _acpi_dsdt_t {
    const uint8_t *aml; /* Past the table header. */
    uint32_t len;
} acpi_dsdt_t;

/* Finds and verifies the DSDT. Other than ACPI_OK: the scans below find nothing. */
acpi_state_t acpi_dsdt_open(const acpi_info_t *info, acpi_dsdt_t *dsdt);

/* SLP_TYPa and SLP_TYPb (0..7) of the package \_Sn_, n = 0..5 (7.4.2). Returns false where
 * there is none of that form. */
bool acpi_dsdt_sleep_type(const acpi_dsdt_t *dsdt, unsigned n, uint8_t *slp_typa, uint8_t *slp_typb);

/* A region of address space that a device of the platform answers at. */
typedef struct _acpi_region_t {
    uint64_t address;
    uint64_t length; /* In bytes, above 0; address + length does not wrap. */
    uint8_t space;   /* ACPI_SPACE_MEMORY or ACPI_SPACE_IO. */
} acpi_region_t;

/* The first OperationRegion of that 4-character name in system memory or I/O space, with
 * constant address and length (20.2.5.2). */
bool acpi_dsdt_region(const acpi_dsdt_t *dsdt, const char *name, acpi_region_t *region);

/* The first interrupt of the device of that 4-character name that an extended interrupt descriptor gives (6.4.3.6),
 * within its object. */
bool acpi_dsdt_interrupt(const acpi_dsdt_t *dsdt, const char *name, uint32_t *gsi);

#endif // MICROPY_INCLUDED_DRIVERS_ACPI_DSDT_H
