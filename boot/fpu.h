/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The x87, SSE and AVX registers of a thread that was interrupted: by XSAVE where the CPU has it, else by
 * FXSAVE. A thread that has left its CPU by itself has none to keep (boot/context.h). */
#ifndef MICROPY_INCLUDED_BOOT_FPU_H
#define MICROPY_INCLUDED_BOOT_FPU_H

/* Of what cpu_features_enable() enables: 512 bytes that FXSAVE knows, a header of 64, AVX. Intel SDM volume 1,
 * 13.4 and 13.5. */
#define FPU_AREA_SIZE (512 + 64 + 256)
#define FPU_AREA_ALIGN 64

/* Saves this CPU's vector registers, and makes them as at a program's start. `area` is zeroed memory at
 * first. Interrupts off. */
void fpu_save(void *area);

/* The way back. Interrupts off. */
void fpu_restore(const void *area);

#endif // MICROPY_INCLUDED_BOOT_FPU_H
