/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Of boot/cpu.h what drivers of PCI devices need, and who uses them: tests/host/virtio/machine.h supplies it, or the
 * test. */
#ifndef MICROPY_INCLUDED_BOOT_CPU_H
#define MICROPY_INCLUDED_BOOT_CPU_H

#include <stdint.h>

void cpu_relax(void);

uint64_t interrupts_save_disable(void);
void interrupts_restore(uint64_t flags);

uint32_t in32(uint16_t port);
void out16(uint16_t port, uint16_t value);
void out32(uint16_t port, uint32_t value);

#endif // MICROPY_INCLUDED_BOOT_CPU_H
