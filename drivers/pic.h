/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#ifndef MICROPY_INCLUDED_DRIVERS_PIC_H
#define MICROPY_INCLUDED_DRIVERS_PIC_H

/* Masks every line of a PC's two 8259A interrupt controllers. Only where the MADT says that
 * they exist (PCAT_COMPAT). */
void pic_disable(void);

#endif // MICROPY_INCLUDED_DRIVERS_PIC_H
