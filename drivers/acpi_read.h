/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* For the files that read ACPI tables. */
#ifndef MICROPY_INCLUDED_DRIVERS_ACPI_READ_H
#define MICROPY_INCLUDED_DRIVERS_ACPI_READ_H

#include <stdint.h>

#include "drivers/little_endian.h"

#define ACPI_HEADER_SIZE 36 /* System description table header: table 5.4. */

/* No physical address is as high: Intel SDM volume 3, 4.1.4. */
#define ACPI_PHYS_LIMIT (1ull << 52)

#endif // MICROPY_INCLUDED_DRIVERS_ACPI_READ_H
