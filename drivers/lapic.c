/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <stddef.h>

#include "boot/cpu.h"
#include "boot/cpu_features.h"
#include "boot/idt.h"
#include "boot/paging.h"
#include "drivers/lapic.h"

/* Register offsets in memory; in x2APIC mode the MSR is 0x800 + offset / 16.
 * Intel SDM volume 3, tables 11-1 and 11-6. */
enum {
    ID = 0x020,
    EOI = 0x0b0,
    SPURIOUS = 0x0f0,
    SPURIOUS_ENABLE = 1 << 8,
    ICR_LOW = 0x300,
    ICR_HIGH = 0x310,
    ICR_PENDING = 1 << 12,
    ICR_NMI = 4 << 8,
    ICR_INIT = 5 << 8,
    ICR_STARTUP = 6 << 8,
    ICR_ASSERT = 1 << 14,
    LVT_TIMER = 0x320,
    LVT_LINT1 = 0x360,
    LVT_NMI = 4 << 8,
    LVT_TSC_DEADLINE = 2 << 17,
    TIMER_INITIAL = 0x380,
    TIMER_CURRENT = 0x390,
    TIMER_DIVIDE = 0x3e0,
    TIMER_DIVIDE_BY_16 = 0x3,
};

/* Where a device writes to interrupt the CPU of an id of 8 bits: SDM volume 3, 11.11.1. */
#define MESSAGE_ADDRESS 0xfee00000ull
#define MESSAGE_TO_ALL 0xff

#define X2APIC_MSR 0x800
#define APIC_BASE_ENABLE (1u << 11)
#define APIC_BASE_X2APIC (1u << 10)

static volatile uint32_t *registers; // NULL in x2APIC mode.
static bool has_deadline;

static uint32_t read(uint32_t offset) {
    return registers ? registers[offset / 4] : (uint32_t)rdmsr(X2APIC_MSR + offset / 16);
}

static void write(uint32_t offset, uint32_t value) {
    if (registers) {
        registers[offset / 4] = value;
    } else {
        wrmsr(X2APIC_MSR + offset / 16, value);
    }
}

bool lapic_init(uint64_t mmio_paddr) {
    uint64_t base = rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE;
    has_deadline = cpu_features.leaf1_ecx & CPUID_1_ECX_TSC_DEADLINE;
    if (cpu_features.leaf1_ecx & CPUID_1_ECX_X2APIC) {
        wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2APIC);
    } else {
        registers = paging_map_physical(mmio_paddr, PAGE_SIZE, MAP_DEVICE);
        if (!registers) {
            return false;
        }
        wrmsr(MSR_APIC_BASE, base);
    }
    // First of all: as long as the APIC is disabled, masks cannot be cleared. SDM volume 3, 11.4.7.2.
    write(SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
    // LINT1 carries the NMI; LINT0 the 8259's, which has nothing to say (drivers/pic.c). The others
    // are masked, and the task priority is 0, from reset on: 11.4.7.1.
    write(LVT_LINT1, LVT_NMI);
    return true;
}

uint32_t lapic_id(void) {
    uint32_t id = read(ID);
    return registers ? id >> 24 : id;
}

bool lapic_is_x2apic(void) {
    return !registers;
}

void lapic_eoi(void) {
    write(EOI, 0);
}

static void send(uint32_t apic_id, uint32_t command) {
    if (!registers) {
        fence_before_wrmsr(); // What the IPI is about was stored before.
        wrmsr(X2APIC_MSR + ICR_LOW / 16, (uint64_t)apic_id << 32 | ICR_ASSERT | command);
        return;
    }
    while (read(ICR_LOW) & ICR_PENDING) {
        cpu_relax();
    }
    write(ICR_HIGH, apic_id << 24);
    write(ICR_LOW, ICR_ASSERT | command);
}

void lapic_send_ipi(uint32_t apic_id, uint8_t vector) {
    send(apic_id, vector);
}

void lapic_send_nmi(uint32_t apic_id) {
    send(apic_id, ICR_NMI);
}

void lapic_send_init(uint32_t apic_id) {
    send(apic_id, ICR_INIT);
}

void lapic_send_startup(uint32_t apic_id, uint8_t page) {
    send(apic_id, ICR_STARTUP | page);
}

bool lapic_reaches(uint32_t apic_id) {
    return !registers || apic_id < 0xff;
}

bool lapic_message_address(uint32_t apic_id, uint64_t *address) {
    *address = MESSAGE_ADDRESS | (uint64_t)apic_id << 12;
    return apic_id < MESSAGE_TO_ALL;
}

void lapic_timer_init(uint8_t vector) {
    if (has_deadline) {
        write(LVT_TIMER, LVT_TSC_DEADLINE | vector);
        fence_before_wrmsr(); // In memory the mode must have arrived before the deadline: 11.5.4.1.
    } else {
        write(TIMER_DIVIDE, TIMER_DIVIDE_BY_16);
        write(LVT_TIMER, vector);
    }
}

bool lapic_timer_has_deadline(void) {
    return has_deadline;
}

void lapic_timer_set_deadline(uint64_t tsc) {
    wrmsr(MSR_TSC_DEADLINE, tsc);
}

void lapic_timer_set_count(uint32_t count) {
    write(TIMER_INITIAL, count);
}

uint32_t lapic_timer_count(void) {
    return read(TIMER_CURRENT);
}
