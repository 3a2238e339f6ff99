/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* How far drivers/pci.c looks for functions: PCI_STOP_AT_GAP. */

#include "drivers/pci.h"
#include "tests/host/unit.h"
#include "tests/host/virtio/machine.h"
#include "tests/host/virtio/pci_model.h"

#define FUNCTIONS_MAX 64
#define END UINT32_MAX

static pci_model_t functions[FUNCTIONS_MAX];
static unsigned function_count;

static void start(unsigned segments, bool aliases) {
    machine_start();
    pci_model_start(segments, aliases);
    function_count = 0;
}

static pci_model_t *plug(unsigned segment, unsigned bus, unsigned slot, unsigned number) {
    CHECK(function_count < FUNCTIONS_MAX);
    pci_model_t *function = &functions[function_count++];
    *function = (pci_model_t) { .segment = segment, .bus = bus, .slot = slot, .function = number };
    pci_model_set(function, PCI_ID, 2, 0x1af4);
    pci_model_set(function, PCI_ID + 2, 2, 0x1040 + slot);
    pci_model_plug(function);
    return function;
}

/* Makes a function 0 one of several, or a bridge to a bus. */
static void set_header(pci_model_t *function, uint8_t header) {
    pci_model_set(function, 0x0e, 1, header);
}

static void set_bridge(pci_model_t *function, uint8_t bus) {
    set_header(function, 1);
    pci_model_set(function, 0x19, 1, bus);
}

/* What a scan visits. */
typedef struct _visits_t {
    uint32_t seen[FUNCTIONS_MAX]; /* Segment, bus, slot, function: 8, 8, 8 and 8 bits. */
    unsigned count;
    unsigned answer_at;           /* After so many the answer is: */
    pci_visit_t answer;
} visits_t;

static pci_visit_t visit(const pci_function_t *function, void *ctx) {
    visits_t *visits = ctx;
    CHECK(visits->count < FUNCTIONS_MAX);
    CHECK_EQ(function->vendor, 0x1af4);
    CHECK_EQ(function->device, 0x1040 + function->slot);
    visits->seen[visits->count++] = function->segment << 24 | function->bus << 16 | function->slot << 8 | function->function;
    return visits->count > visits->answer_at ? visits->answer : PCI_GO_ON;
}

/* Scans, and compares with what is expected, closed by END. */
static void check_visits(unsigned answer_at, pci_visit_t answer, const uint32_t *expected) {
    visits_t visits = { .answer_at = answer_at, .answer = answer };
    pci_scan(&pci_model_acpi, visit, &visits);
    unsigned i = 0;
    for (; expected[i] != END; i++) {
        CHECK(i < visits.count);
        CHECK_EQ(visits.seen[i], expected[i]);
    }
    CHECK_EQ(visits.count, i);
}
#define CHECK_VISITS(answer_at, answer, ...) check_visits(answer_at, answer, (const uint32_t[]) { __VA_ARGS__, END })

static void plug_with_gap(void) {
    static const uint8_t slots[] = { 0, 1, 2, 4, 31 };
    for (unsigned i = 0; i < sizeof(slots); i++) {
        plug(0, 0, slots[i], 0);
    }
}

TEST(a_scan_to_the_gap_ends_there) {
    for (unsigned segments = 0; segments < 2; segments++) {
        start(segments, segments);
        plug_with_gap();
        CHECK_VISITS(0, PCI_STOP_AT_GAP, 0, 0x100, 0x200);
        CHECK_VISITS(2, PCI_STOP_AT_GAP, 0, 0x100, 0x200);
        // It holds from when it is said.
        CHECK_VISITS(3, PCI_STOP_AT_GAP, 0, 0x100, 0x200, 0x400);
    }
}

TEST(nothing_is_asked_behind_the_gap) {
    start(1, true);
    plug_with_gap();
    machine.looks = 0;
    CHECK_VISITS(0, PCI_STOP_AT_GAP, 0, 0x100, 0x200);
    // Its id and its header; of the first empty slot the id.
    CHECK_EQ(machine.looks, 3 * 2 + 1);
}

TEST(a_gap_is_one_of_a_bus_and_a_segment) {
    start(2, false);
    plug(0, 0, 0, 0);
    set_bridge(plug(0, 0, 1, 0), 5);
    plug(0, 0, 3, 0);
    plug(0, 5, 0, 0);
    plug(0, 5, 2, 0);
    plug(1, 0, 0, 0);
    plug(1, 0, 2, 0);
    CHECK_VISITS(1, PCI_STOP_AT_GAP, 0, 0x100, 0x50000, 0x1000000);
}

TEST(functions_that_are_missing_are_no_gap) {
    start(1, false);
    set_header(plug(0, 0, 0, 0), 0x80);
    plug(0, 0, 0, 3);
    plug(0, 0, 0, 7);
    plug(0, 0, 1, 0);
    CHECK_VISITS(0, PCI_STOP_AT_GAP, 0, 3, 7, 0x100);
}

TEST(a_slot_without_function_0_is_empty) {
    start(1, false);
    plug(0, 0, 0, 0);
    plug(0, 0, 1, 1);
    plug(0, 0, 2, 0);
    CHECK_VISITS(0, PCI_STOP_AT_GAP, 0);
    CHECK_VISITS(0, PCI_GO_ON, 0, 0x200);
}
