/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#ifndef MICROPY_INCLUDED_CLOUD_HYPERVISOR_STACK_OVERRUN_H
#define MICROPY_INCLUDED_CLOUD_HYPERVISOR_STACK_OVERRUN_H

/* Raises RuntimeError. For interpreter_on_stack_overrun(). */
_Noreturn void stack_overrun(void);

#endif // MICROPY_INCLUDED_CLOUD_HYPERVISOR_STACK_OVERRUN_H
