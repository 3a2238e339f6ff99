/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Power-off and reset, by what the ACPI tables say, else by what the machines of this project
 * are known to take. */
#ifndef MICROPY_INCLUDED_DRIVERS_POWER_H
#define MICROPY_INCLUDED_DRIVERS_POWER_H

#include "drivers/acpi.h"

/* Each returns only where the machine did not obey. Interrupts off. */
void power_off(const acpi_info_t *acpi);
void power_reset(const acpi_info_t *acpi);

#endif // MICROPY_INCLUDED_DRIVERS_POWER_H
