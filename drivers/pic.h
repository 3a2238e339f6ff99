/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#ifndef MICROPY_INCLUDED_DRIVERS_PIC_H
#define MICROPY_INCLUDED_DRIVERS_PIC_H

/* Masks every line of a PC's two 8259A interrupt controllers. Not on
 * a machine whose FADT says that it has no such hardware (HW_REDUCED_ACPI). */
void pic_disable(void);

#endif // MICROPY_INCLUDED_DRIVERS_PIC_H
