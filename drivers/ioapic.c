/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <stddef.h>

#include "boot/paging.h"
#include "boot/spinlock.h"
#include "drivers/ioapic.h"

/* 82093AA, 3.1 and 3.2. All accesses are 32 bits wide: Cloud Hypervisor takes no others. */
#define SELECT (0x00 / 4)
#define WINDOW (0x10 / 4)
#define REGISTER_REDIRECTION(pin) (0x10 + 2 * (pin))
#define REDIRECTION_ACTIVE_LOW (1u << 13)
#define REDIRECTION_LEVEL (1u << 15)

/* Every one has as many pins at least; the ISA interrupts and the GED are among them. */
#define PINS 24

static spinlock_t lock = SPINLOCK_INIT(LOCK_RANK_IOAPIC);
static volatile uint32_t *registers;
static uint32_t first_gsi;

static void write(uint8_t index, uint32_t value) {
    registers[SELECT] = index;
    registers[WINDOW] = value;
}

bool ioapic_init(uint64_t mmio_paddr, uint32_t gsi_base) {
    registers = paging_map_physical(mmio_paddr, PAGE_SIZE, MAP_DEVICE);
    if (!registers) {
        return false;
    }
    first_gsi = gsi_base;
    return true;
}

bool ioapic_route(uint32_t gsi, uint8_t vector, uint32_t apic_id, bool active_low, bool level) {
    uint32_t pin = gsi - first_gsi;
    if (!registers || gsi < first_gsi || pin >= PINS || apic_id > 254) {
        return false;
    }
    uint32_t low = vector | (active_low ? REDIRECTION_ACTIVE_LOW : 0) | (level ? REDIRECTION_LEVEL : 0);

    uint64_t flags = spin_lock_irqsave(&lock);
    // The half with the mask last: the pin is masked from reset on.
    write(REGISTER_REDIRECTION(pin) + 1, apic_id << 24);
    write(REGISTER_REDIRECTION(pin), low);
    spin_unlock_irqrestore(&lock, flags);
    return true;
}
