/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Of boot/cpu.h what drivers of PCI devices need: tests/host/virtio/machine.h supplies it. */
#ifndef MICROPY_INCLUDED_BOOT_CPU_H
#define MICROPY_INCLUDED_BOOT_CPU_H

#include <stdint.h>

void cpu_relax(void);

uint32_t in32(uint16_t port);
void out16(uint16_t port, uint16_t value);
void out32(uint16_t port, uint32_t value);

#endif // MICROPY_INCLUDED_BOOT_CPU_H
