/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_MODMACHINE_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_MODMACHINE_H

#include "py/obj.h"

extern const mp_obj_type_t machine_rtc_type;

// From now on machine.reset_cause() says that the interpreter was started anew.
void machine_set_soft_reset(void);

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_MODMACHINE_H
