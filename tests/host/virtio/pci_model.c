/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "tests/host/check.h"
#include "tests/host/virtio/machine.h"
#include "tests/host/virtio/pci_model.h"

#define ECAM_PADDR 0xe80000000ull
#define ECAM_SIZE (256ull << 20)
#define ONES(width) (~0ull >> (64 - 8 * (width)))

#define COMMAND 4
#define BAR 0x10
#define BAR_64_BITS 4u

acpi_info_t pci_model_acpi;

static unsigned segment_count;
static bool has_aliases;
static pci_model_t *functions;
static uint32_t port_address;

uint32_t pci_model_get(const pci_model_t *function, uint8_t offset, unsigned width) {
    uint32_t value = 0;
    memcpy(&value, function->config + offset, width);
    return value;
}

void pci_model_set(pci_model_t *function, uint8_t offset, unsigned width, uint32_t value) {
    memcpy(function->config + offset, &value, width);
}

void pci_model_set_bar(pci_model_t *function, unsigned bar, uint64_t paddr, uint64_t size) {
    function->bar_size[bar] = size;
    bool is_far = paddr >> 32;
    pci_model_set(function, BAR + 4 * bar, 4, paddr | (is_far ? BAR_64_BITS : 0));
    if (is_far) {
        pci_model_set(function, BAR + 4 * bar + 4, 4, paddr >> 32);
    }
}

static uint64_t bar_paddr(const pci_model_t *function, unsigned bar) {
    uint32_t low = pci_model_get(function, BAR + 4 * bar, 4);
    uint64_t high = low & BAR_64_BITS ? pci_model_get(function, BAR + 4 * bar + 4, 4) : 0;
    return high << 32 | (low & ~0xfu);
}

static pci_model_t *find(unsigned segment, unsigned bus, unsigned slot, unsigned number) {
    for (pci_model_t *at = functions; at; at = at->next) {
        if (at->segment == segment && at->bus == bus && at->slot == slot && at->function == number) {
            return at->gone ? NULL : at;
        }
    }
    return NULL;
}

static uint64_t access_config(pci_model_t *function, unsigned offset, unsigned width, bool write, uint64_t value) {
    CHECK(offset < 256);
    if (!function) {
        return ONES(width);
    }
    if (!write) {
        return pci_model_get(function, offset, width);
    }
    if (offset == COMMAND && width == 2) {
        pci_model_set(function, offset, width, value & 0x7);
    } else {
        CHECK(function->config_written || machine.lies);
        if (function->config_written) {
            function->config_written(offset, width, value);
        }
    }
    return 0;
}

static uint64_t access_ecam(uint64_t offset, unsigned width, bool write, uint64_t value) {
    CHECK(width <= 4);
    unsigned number = offset >> 12 & 7;
    pci_model_t *function = find(offset / ECAM_SIZE, offset >> 20 & 0xff, offset >> 15 & 0x1f, has_aliases ? 0 : number);
    return access_config(function, offset & 0xfff, width, write, value);
}

static uint64_t access_bus(uint64_t paddr, unsigned width, bool write, uint64_t value) {
    if (paddr - ECAM_PADDR < segment_count * ECAM_SIZE) {
        return access_ecam(paddr - ECAM_PADDR, width, write, value);
    }
    for (pci_model_t *function = functions; function; function = function->next) {
        for (unsigned bar = 0; bar < PCI_MODEL_BARS; ++bar) {
            uint64_t offset = paddr - bar_paddr(function, bar);
            if (offset < function->bar_size[bar]) {
                return function->gone ? ONES(width) : function->access(bar, offset, width, write, value);
            }
        }
    }
    CHECK(machine.lies); // Else the driver is nowhere.
    return ONES(width);
}

static uint32_t access_port(uint16_t port, unsigned width, bool write, uint32_t value) {
    if (port == 0xcf8) {
        CHECK(write && width == 4 && value >> 31 && !(value & 3));
        port_address = value;
        return 0;
    }
    CHECK(port >= 0xcfc && port < 0xd00 && machine.locks);
    pci_model_t *function = find(0, port_address >> 16 & 0xff, port_address >> 11 & 0x1f, port_address >> 8 & 7);
    return access_config(function, (port_address & 0xfc) + port - 0xcfc, width, write, value);
}

void pci_model_start(unsigned segments, bool aliases) {
    segment_count = segments;
    has_aliases = aliases;
    functions = NULL;
    machine.bus = access_bus;
    machine.port = access_port;
}

void pci_model_plug(pci_model_t *function) {
    function->next = functions;
    functions = function;
}

bool acpi_mcfg_next_segment(const acpi_info_t *info, acpi_cursor_t *cursor, acpi_pci_segment_t *segment) {
    CHECK(info == &pci_model_acpi);
    if (cursor->offset == segment_count) {
        return false;
    }
    uint64_t paddr = ECAM_PADDR + cursor->offset * ECAM_SIZE;
    *segment = (acpi_pci_segment_t) { .ecam_paddr = paddr, .segment = cursor->offset++, .end_bus = 255 };
    return true;
}
