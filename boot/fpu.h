/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#ifndef MICROPY_INCLUDED_BOOT_FPU_H
#define MICROPY_INCLUDED_BOOT_FPU_H

/* Lets the code of interpreters use x87, SSE and, where the CPU has it, AVX. The kernel itself
 * uses none of them. Once a CPU. */
void fpu_init_cpu(void);

#endif // MICROPY_INCLUDED_BOOT_FPU_H
