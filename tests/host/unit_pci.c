/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The functions that drivers/pci.c finds, their capabilities and BARs. */

#include "drivers/pci.h"
#include "tests/host/unit.h"
#include "tests/host/virtio/machine.h"
#include "tests/host/virtio/pci_model.h"

#define FUNCTIONS_MAX 16
#define HEADER 0x0e
#define MULTIFUNCTION 0x80
#define BRIDGE 1
#define SECONDARY_BUS 0x19

static pci_model_t models[FUNCTIONS_MAX];
static unsigned model_count;

static void start(unsigned segments, bool aliases) {
    machine_start();
    pci_model_start(segments, aliases);
    model_count = 0;
}

static pci_model_t *plug(uint8_t bus, uint8_t slot, uint8_t function, uint8_t header) {
    pci_model_t *model = &models[model_count++];
    *model = (pci_model_t) { .bus = bus, .slot = slot, .function = function };
    pci_model_set(model, PCI_ID, 4, 0x10421af4);
    pci_model_set(model, HEADER, 1, header);
    pci_model_plug(model);
    return model;
}

/* What was visited: bus << 8 | slot << 3 | function. */
static uint32_t visited[64];
static unsigned visit_count;
static pci_visit_t answer;

static pci_visit_t visit(const pci_function_t *function, void *ctx) {
    CHECK(ctx == visited);
    CHECK_EQ(function->vendor, 0x1af4);
    CHECK_EQ(function->device, 0x1042);
    visited[visit_count++] = function->bus << 8 | function->slot << 3 | function->function;
    return answer;
}

static void scan(void) {
    visit_count = 0;
    machine.looks = 0;
    pci_scan(&pci_model_acpi, visit, visited);
}

static void check_visited(unsigned count, const uint32_t *expected) {
    CHECK_EQ(visit_count, count);
    for (unsigned i = 0; i < count; ++i) {
        CHECK_EQ(visited[i], expected[i]);
    }
}

#define CHECK_VISITED(...) \
    do { \
        const uint32_t expected_[] = { __VA_ARGS__ }; \
        check_visited(sizeof(expected_) / sizeof(expected_[0]), expected_); \
    } while (0)

TEST(functions_are_visited_in_order_by_ecam_and_by_ports) {
    for (unsigned segments = 0; segments < 2; ++segments) {
        start(segments, false);
        answer = PCI_GO_ON;
        plug(0, 31, 0, 0);
        plug(0, 0, 0, MULTIFUNCTION);
        plug(0, 0, 7, 0);
        plug(0, 0, 2, 0);
        plug(0, 4, 1, 0); // Without a function 0 it is not there.
        plug(0, 5, 0, 0);
        plug(0, 5, 1, 0); // Nor is what is beside one that is alone.
        scan();
        CHECK_VISITED(0, 2, 7, 5 << 3, 31 << 3);
    }
}

TEST(functions_that_are_function_0_again_are_not_visited) {
    start(1, true);
    answer = PCI_GO_ON;
    plug(0, 1, 0, 0);
    plug(0, 2, 0, 0);
    scan();
    CHECK_VISITED(1 << 3, 2 << 3);
}

TEST(buses_behind_bridges_are_visited_once) {
    start(1, false);
    answer = PCI_GO_ON;
    pci_model_set(plug(0, 1, 0, BRIDGE), SECONDARY_BUS, 1, 5);
    pci_model_set(plug(0, 2, 0, BRIDGE), SECONDARY_BUS, 1, 5);
    pci_model_set(plug(5, 0, 0, BRIDGE), SECONDARY_BUS, 1, 255);
    pci_model_set(plug(255, 0, 0, BRIDGE), SECONDARY_BUS, 1, 0); // Those lead nowhere new.
    pci_model_set(plug(255, 1, 0, BRIDGE), SECONDARY_BUS, 1, 255);
    plug(7, 0, 0, 0); // Nobody leads there.
    scan();
    CHECK_VISITED(1 << 3, 2 << 3, 5 << 8, 255 << 8, 255 << 8 | 1 << 3);
}

TEST(a_visit_may_be_the_last_one_or_the_last_but_for_its_neighbours) {
    start(1, false);
    for (unsigned slot = 0; slot < 6; ++slot) {
        if (slot != 3) {
            plug(0, slot, 0, 0);
        }
    }
    answer = PCI_STOP;
    scan();
    CHECK_VISITED(0);
    answer = PCI_STOP_AT_GAP;
    scan();
    CHECK_VISITED(0, 1 << 3, 2 << 3);
    answer = PCI_GO_ON;
    scan();
    CHECK_VISITED(0, 1 << 3, 2 << 3, 4 << 3, 5 << 3);
}

TEST(nothing_is_asked_behind_a_gap) {
    start(1, true);
    plug(0, 0, 0, 0);
    plug(0, 1, 0, 0);
    plug(0, 3, 0, 0);
    answer = PCI_STOP_AT_GAP;
    scan();
    CHECK_VISITED(0, 1 << 3);
    // Its id and its header; of the first empty slot the id.
    CHECK_EQ(machine.looks, 2 * 2 + 1);
}

TEST(a_gap_is_one_of_a_bus_and_a_segment) {
    start(2, false);
    answer = PCI_STOP_AT_GAP;
    plug(0, 0, 0, 0);
    pci_model_set(plug(0, 1, 0, BRIDGE), SECONDARY_BUS, 1, 5);
    plug(0, 3, 0, 0);
    plug(5, 0, 0, 0);
    plug(5, 2, 0, 0);
    plug(0, 0, 0, 0)->segment = 1;
    plug(0, 2, 0, 0)->segment = 1;
    scan();
    CHECK_VISITED(0, 1 << 3, 5 << 8, 0);
}

TEST(functions_that_are_missing_are_no_gap_and_a_slot_without_function_0_is_one) {
    start(1, false);
    answer = PCI_STOP_AT_GAP;
    plug(0, 0, 0, MULTIFUNCTION);
    plug(0, 0, 3, 0);
    plug(0, 0, 7, 0);
    plug(0, 1, 0, 0);
    plug(0, 2, 1, 0);
    plug(0, 3, 0, 0);
    scan();
    CHECK_VISITED(0, 3, 7, 1 << 3);
}

TEST(a_function_is_found_by_its_segment_and_slot) {
    start(2, true);
    plug(0, 3, 0, 0)->segment = 1;
    pci_function_t function;
    CHECK(pci_find(&pci_model_acpi, 1, 3, &function));
    CHECK_EQ(function.segment, 1);
    CHECK_EQ(function.slot, 3);
    CHECK(!pci_find(&pci_model_acpi, 0, 3, &function));
    CHECK(!pci_find(&pci_model_acpi, 1, 4, &function));
    CHECK(!pci_find(&pci_model_acpi, 2, 3, &function));
    CHECK(!pci_find(&pci_model_acpi, 1, 32, &function));
    start(0, true);
    plug(0, 3, 0, 0);
    CHECK(pci_find(&pci_model_acpi, 0, 3, &function));
    CHECK(!pci_find(&pci_model_acpi, 1, 3, &function));
}

TEST(registers_of_all_widths_by_ecam_and_by_ports) {
    for (unsigned segments = 0; segments < 2; ++segments) {
        start(segments, true);
        pci_model_t *model = plug(0, 3, 0, 0);
        for (unsigned i = 0x40; i < 0x100; ++i) {
            model->config[i] = i;
        }
        pci_function_t function;
        CHECK(pci_find(&pci_model_acpi, 0, 3, &function));
        for (unsigned i = 0x40; i < 0x100; ++i) {
            CHECK_EQ(pci_read8(&function, i), i);
            if (i % 2 == 0) {
                CHECK_EQ(pci_read16(&function, i), i | (i + 1) << 8);
            }
        }
        CHECK_EQ(pci_read32(&function, 0xfc), 0xfffefdfc);
        pci_write16(&function, PCI_COMMAND, 6);
        CHECK_EQ(pci_model_get(model, PCI_COMMAND, 2), 6);
    }
}

/* Capabilities as pointers between dwords: { at, next }, and the ids 1, 2 and so on. */
static unsigned count_capabilities(uint8_t first, const uint8_t (*links)[2], unsigned count) {
    start(1, true);
    pci_model_t *model = plug(0, 3, 0, 0);
    pci_model_set(model, PCI_STATUS, 2, PCI_STATUS_CAPABILITIES);
    pci_model_set(model, PCI_CAPABILITIES, 1, first);
    memset(model->config + PCI_BAR, PCI_CAPABILITY_VENDOR, PCI_CAPABILITIES - PCI_BAR); // As if there were some.
    for (unsigned i = 0; i < count; ++i) {
        pci_model_set(model, links[i][0], 2, (i + 1) | links[i][1] << 8);
    }
    pci_function_t function;
    CHECK(pci_find(&pci_model_acpi, 0, 3, &function));
    pci_cursor_t cursor = { 0 };
    uint8_t offset;
    unsigned found = 0;
    while (pci_next_capability(&function, &cursor, &offset)) {
        CHECK(offset >= 0x40 && offset <= 0xfc && offset % 4 == 0);
        CHECK(++found < 64);
    }
    return found;
}

TEST(capabilities_end_whatever_they_point_to) {
    CHECK_EQ(count_capabilities(0, NULL, 0), 0);
    CHECK_EQ(count_capabilities(0x3c, NULL, 0), 0);
    static const uint8_t three[][2] = { { 0x40, 0xfc }, { 0xfc, 0x83 }, { 0x80, 0 } };
    CHECK_EQ(count_capabilities(0x43, three, 3), 3);
    static const uint8_t into_header[][2] = { { 0x40, 0x10 } };
    CHECK_EQ(count_capabilities(0x40, into_header, 1), 1);
    static const uint8_t circle[][2] = { { 0x40, 0x50 }, { 0x50, 0x40 } };
    CHECK_EQ(count_capabilities(0x40, circle, 2), 48);
}

TEST(without_the_bit_there_are_no_capabilities) {
    start(1, true);
    pci_model_t *model = plug(0, 3, 0, 0);
    pci_model_set(model, PCI_CAPABILITIES, 1, 0x40);
    pci_model_set(model, 0x40, 1, 9);
    pci_function_t function;
    CHECK(pci_find(&pci_model_acpi, 0, 3, &function));
    pci_cursor_t cursor = { 0 };
    uint8_t offset;
    CHECK_EQ(pci_next_capability(&function, &cursor, &offset), 0);
}

TEST(bars_of_memory_near_and_far) {
    start(1, true);
    pci_model_t *model = plug(0, 3, 0, 0);
    pci_model_set(model, PCI_BAR, 4, 0xe0000008);      // Prefetchable.
    pci_model_set(model, PCI_BAR + 4, 4, 0xc001);      // Ports.
    pci_model_set(model, PCI_BAR + 8, 4, 0x8000000c);  // 64 bits.
    pci_model_set(model, PCI_BAR + 12, 4, 0x3fff);
    pci_model_set(model, PCI_BAR + 20, 4, 0xe0000004); // 64 bits where there are 32.
    pci_model_set(model, PCI_BAR + 24, 4, 0xd0000000); // No BAR any more.
    pci_function_t function;
    CHECK(pci_find(&pci_model_acpi, 0, 3, &function));
    CHECK_EQ(pci_bar(&function, 0), 0xe0000000);
    CHECK_EQ(pci_bar(&function, 1), 0);
    CHECK_EQ(pci_bar(&function, 2), 0x3fff80000000);
    CHECK_EQ(pci_bar(&function, 4), 0);
    CHECK_EQ(pci_bar(&function, 5), 0);
    CHECK_EQ(pci_bar(&function, 6), 0);
    CHECK_EQ(pci_bar(&function, 255), 0);
}
