/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* KVM's paravirtual clock: Linux Documentation/virt/kvm/x86/msr.rst and cpuid.rst. */
#ifndef MICROPY_INCLUDED_DRIVERS_KVMCLOCK_H
#define MICROPY_INCLUDED_DRIVERS_KVMCLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* True where the hypervisor is KVM and has the clock. */
bool kvmclock_present(void);

/* Has the host keep this CPU's time page at `paddr`, seen at `page` (both of one 4 KiB page that
 * stays for good). Once. */
void kvmclock_enable(void *page, uint64_t paddr);

/* TSC ticks a second, from the multiplier of the time page; 0 where it makes no sense. */
uint64_t kvmclock_tsc_hz(void);

/* Nanoseconds since 1970, by the host's clock. On the CPU that enabled it. */
int64_t kvmclock_wall_ns(void);

/* TSC ticks a second and local APIC timer ticks a second by CPUID leaf 0x40000010; 0 where the
 * hypervisor does not tell. */
uint64_t hypervisor_tsc_hz(void);
uint64_t hypervisor_apic_hz(void);

#endif // MICROPY_INCLUDED_DRIVERS_KVMCLOCK_H
