/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Between the files of the ACPI table reader; others use acpi.h. */
#ifndef MICROPY_INCLUDED_DRIVERS_ACPI_TABLES_H
#define MICROPY_INCLUDED_DRIVERS_ACPI_TABLES_H

#include "drivers/acpi.h"

/* Verify the table at `paddr` and note what stands in it. With anything but ACPI_OK they
 * change nothing. */
acpi_state_t acpi_load_madt(acpi_info_t *info, uint64_t paddr);
acpi_state_t acpi_load_fadt(acpi_info_t *info, uint64_t paddr);
acpi_state_t acpi_load_mcfg(acpi_info_t *info, uint64_t paddr);

/* Copies up to `len` bytes, as far as the first NUL, and a NUL into `to` (len + 1 bytes);
 * unprintable ones as '?'. */
void acpi_copy_text(char *to, const uint8_t *from, size_t len);

/* Verifies the table with that signature (NULL: any) at `paddr`. With ACPI_OK stores a view
 * of all of it, header included, and its length, at least ACPI_HEADER_SIZE. */
acpi_state_t acpi_open_table(const acpi_info_t *info, uint64_t paddr, const char *signature,
    const uint8_t **view, uint32_t *len);

#endif // MICROPY_INCLUDED_DRIVERS_ACPI_TABLES_H
