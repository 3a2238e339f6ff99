/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "boot/cpu.h"
#include "boot/paging.h"
#include "drivers/acpi_dsdt.h"
#include "drivers/power.h"

/* Sleep control register, ACPI 6.5, table 4.19: SLP_TYP in bits 2-4, SLP_EN bit 5. */
#define SLEEP_TYPE_SHIFT 2
#define SLEEP_ENABLE 0x20

/* PM1 control register, table 4.13: SLP_TYP in bits 10-12, SLP_EN bit 13. */
#define PM1_SLEEP_TYPE_SHIFT 10
#define PM1_SLEEP_ENABLE 0x2000

/* Without tables: Cloud Hypervisor's registers, QEMU q35's, a PC's. */
#define CLOUD_HYPERVISOR_SLEEP_PORT 0x600
#define CLOUD_HYPERVISOR_S5 5
#define CLOUD_HYPERVISOR_RESET 1
#define Q35_PM1A_CONTROL 0x604
#define PC_RESET_PORT 0xcf9
#define PC_RESET_VALUE 6
#define I8042_COMMAND 0x64
#define I8042_RESET 0xfe

/* One byte wide: Cloud Hypervisor takes no other width. */
static void write_byte(const acpi_register_t *reg, uint8_t value) {
    if (reg->space == ACPI_SPACE_IO) {
        out8(reg->address, value);
    } else if (reg->space == ACPI_SPACE_MEMORY) {
        volatile uint8_t *view = paging_map_physical(reg->address, 1, MAP_DEVICE);
        if (view) {
            *view = value;
        }
    }
}

/* A VMM stops this CPU some time after the instruction that ends the machine. What it has not
 * understood by then, in ticks of the TSC (0.1 s or less), is tried otherwise; the last try gets
 * a few seconds, for a host that is busy. */
#define TRY_TICKS 200000000
#define LAST_TRY_TICKS 10000000000

static void wait_for_end(uint64_t ticks) {
    for (uint64_t start = rdtsc(); rdtsc() - start < ticks;) {
        cpu_relax();
    }
}

static void write_pm1(const acpi_register_t *reg, uint8_t type) {
    if (reg->space == ACPI_SPACE_IO) {
        out16(reg->address, type << PM1_SLEEP_TYPE_SHIFT | PM1_SLEEP_ENABLE);
    }
}

void power_off(const acpi_info_t *acpi) {
    acpi_dsdt_t dsdt;
    uint8_t type_a, type_b;
    acpi_dsdt_open(acpi, &dsdt);
    if (acpi_dsdt_sleep_type(&dsdt, 5, &type_a, &type_b)) {
        write_byte(&acpi->sleep_control, type_a << SLEEP_TYPE_SHIFT | SLEEP_ENABLE);
        write_pm1(&acpi->pm1a_control, type_a);
        write_pm1(&acpi->pm1b_control, type_b);
        wait_for_end(TRY_TICKS);
    }
    out8(CLOUD_HYPERVISOR_SLEEP_PORT, CLOUD_HYPERVISOR_S5 << SLEEP_TYPE_SHIFT | SLEEP_ENABLE);
    out16(Q35_PM1A_CONTROL, PM1_SLEEP_ENABLE);
    wait_for_end(LAST_TRY_TICKS);
}

void power_reset(const acpi_info_t *acpi) {
    write_byte(&acpi->reset, acpi->reset_value);
    wait_for_end(TRY_TICKS);
    out8(I8042_COMMAND, I8042_RESET);
    wait_for_end(TRY_TICKS);
    out8(PC_RESET_PORT, PC_RESET_VALUE);
    wait_for_end(TRY_TICKS);
    out8(CLOUD_HYPERVISOR_SLEEP_PORT, CLOUD_HYPERVISOR_RESET);
    wait_for_end(TRY_TICKS);
    // An exception that no table entry takes: the CPU shuts down, which resets the machine.
    load_idt(0, 1);
    __builtin_trap();
}
