/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Virtio devices whose configuration space, queues or interrupts are not what a driver would like, by the one for blocks. */

#include "tests/host/unit.h"
#include "tests/host/virtio/blk_world.h"

/* Of a capability: virtio 1.2, 4.1.4. */
#define LEN 2
#define TYPE 3
#define BAR 4
#define OFFSET 8
#define LENGTH 12
#define STEP 16

/* Where Cloud Hypervisor has them. */
#define COMMON 0x40
#define CONFIG 0x60
#define NOTIFY 0x70
#define MSIX 0x98

/* A place for one more, behind the last one; and how it is reached. */
#define FURTHER 0xb0

#define NO_REGISTERS "it has no registers where they should be"

static void set(uint8_t at, unsigned width, uint32_t value) {
    pci_model_set(&device.pci, at, width, value);
}

static void copy_capability(uint8_t to, uint8_t from, unsigned len) {
    memmove(device.pci.config + to, device.pci.config + from, len);
}

/* The chain has one more, at FURTHER, that is like another one. */
static void add_copy(uint8_t from) {
    copy_capability(FURTHER, from, 20);
    set(FURTHER + 1, 1, 0);
    set(MSIX + 1, 1, FURTHER);
}

/* It has the one at `from` at `to` instead, as the last one. */
static void move_capability(uint8_t from, uint8_t to, unsigned len) {
    copy_capability(to, from, len);
    set(from + TYPE, 1, 99);
    set(MSIX + 1, 1, to);
    set(to + 1, 1, 0);
}

static void check_refused(const char *why) {
    const char *problem = user_open(4);
    CHECK(problem);
    CHECK_TEXT(problem, why);
    CHECK_EQ(machine_end(), 0);
}

static void check_works(void) {
    const char *problem = user_open(4);
    CHECK(!problem);
    uint8_t data[SECTOR];
    for (unsigned queue = 0; queue < user.blk.queue_count; ++queue) {
        CHECK_EQ(transfer(queue, VIRTIO_BLK_IN, 0, data, sizeof(data), 1), VIRTIO_BLK_OK);
    }
    close_disk();
}

static void start_usual(void) {
    start(&blk_usual);
}

TEST(of_several_capabilities_of_a_type_the_first_that_can_be_used_counts) {
    static const uint8_t all[] = { COMMON, CONFIG, NOTIFY };
    for (unsigned i = 0; i < sizeof(all); ++i) {
        start_usual();
        add_copy(all[i]);
        set(FURTHER + OFFSET, 4, 0x7000); // Where nothing is.
        check_works();
        start_usual();
        add_copy(all[i]);
        set(all[i] + BAR, 1, 5);
        check_works();
        start_usual();
        add_copy(all[i]);
        set(all[i] + BAR, 1, 77);
        check_works();
    }
}

TEST(without_registers_it_is_refused) {
    static const uint8_t needed[] = { COMMON, NOTIFY };
    for (unsigned i = 0; i < sizeof(needed); ++i) {
        start_usual();
        set(needed[i] + TYPE, 1, 77);
        check_refused(NO_REGISTERS);
        start_usual();
        set(needed[i] + LEN, 1, 15);
        check_refused(NO_REGISTERS);
        start_usual();
        set(needed[i] + OFFSET, 4, 2);
        check_refused(NO_REGISTERS);
        start_usual();
        set(needed[i] + LENGTH, 4, i ? 1 : 55);
        check_refused(NO_REGISTERS);
    }
    start_usual();
    set(NOTIFY + LEN, 1, 19);
    check_refused(NO_REGISTERS);
    start_usual();
    set(CONFIG + TYPE, 1, 77);
    check_refused("its blocks have no possible size");
    start_usual();
    set(CONFIG + BAR, 1, 5);
    check_refused("its blocks have no possible size");
}

TEST(a_configuration_that_is_too_short_is_not_read) {
    start_usual();
    set(CONFIG + LENGTH, 4, 23);
    check_refused("its blocks have no possible size");
    blk_options_t options = blk_usual;
    options.features = MODEL_F_VERSION_1;
    for (unsigned len = 0; len < 8; ++len) {
        start(&options);
        set(CONFIG + LENGTH, 4, len);
        check_refused("it has no possible capacity");
    }
    start(&options);
    set(CONFIG + LENGTH, 4, 8);
    check_works();
}

TEST(capabilities_that_end_behind_the_configuration_space_are_none) {
    start_usual();
    move_capability(COMMON, 0xf0, 16);
    check_works();
    start_usual();
    move_capability(COMMON, 0xf4, 12);
    check_refused(NO_REGISTERS);
    start_usual();
    move_capability(NOTIFY, 0xec, 20);
    check_works();
    start_usual();
    move_capability(NOTIFY, 0xf0, 16);
    check_refused(NO_REGISTERS);
    for (unsigned at = 0xf8; at <= 0xfc; at += 4) {
        start_usual();
        set(COMMON + 1, 1, CONFIG); // Over the ISR's, to the last one and on.
        set(0x84 + 1, 1, at);
        copy_capability(at, MSIX, 4);
        set(at + 1, 1, 0);
        check_refused("it has no MSI-X");
    }
}

TEST(registers_that_lie_over_memory_are_refused) {
    start_usual();
    pci_model_set(&device.pci, 0x10, 4, 0x100000);
    check_refused(NO_REGISTERS);
}

TEST(as_much_is_mapped_as_is_needed) {
    static const uint8_t all[] = { COMMON, CONFIG, NOTIFY };
    for (unsigned i = 0; i < sizeof(all); ++i) {
        start_usual();
        set(all[i] + LENGTH, 4, 0xffffffff);
        check_works();
    }
}

static void start_queues(unsigned queues) {
    blk_options_t options = blk_usual;
    options.features |= BLK_F_MQ;
    options.queues = queues;
    start(&options);
}

TEST(notifications_that_go_nowhere_are_refused) {
    static const uint32_t steps[] = { 3, 0x800, 0x1000, 0x80000000, 0xffffffff };
    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); ++i) {
        start_queues(3);
        set(NOTIFY + STEP, 4, steps[i]);
        check_refused("a queue's notifications go nowhere");
    }
}

TEST(as_many_queues_as_both_want) {
    for (unsigned queues = 1; queues < 8; ++queues) {
        start_queues(queues);
        CHECK_EQ((uintptr_t)user_open(4), 0);
        CHECK_EQ(user.blk.queue_count, queues < 4 ? queues : 4);
        close_disk();
    }
}

TEST(as_many_queues_as_there_are) {
    start_queues(4);
    device.queue_count = 2; // Though there are interrupts for four.
    CHECK_EQ(device.config[34], 4); // num_queues
    check_works();
    start_queues(2);
    device.config[34] = 0;
    CHECK_EQ((uintptr_t)user_open(4), 0);
    CHECK_EQ(user.blk.queue_count, 1);
    close_disk();
    start_queues(2);
    device.queue_count = 0;
    check_refused("it lacks a queue");
}

static void set_vectors(unsigned count) {
    device.vector_count = count;
    set(MSIX + 2, 2, count - 1);
}

TEST(as_many_queues_as_have_interrupts) {
    start_queues(4);
    set_vectors(3);
    CHECK_EQ((uintptr_t)user_open(4), 0);
    CHECK_EQ(user.blk.queue_count, 2);
    close_disk();
    start_queues(4);
    set_vectors(1);
    check_refused("it has too few interrupts");
    start_queues(4);
    device.refuses_vectors = true;
    check_refused("it has no room for an interrupt");
}

TEST(features_are_those_that_both_know) {
    start_usual();
    CHECK_EQ((uintptr_t)user_open(1), 0);
    CHECK_EQ(device.accepted, BLK_F_SEG_MAX | BLK_F_BLK_SIZE | BLK_F_FLUSH | BLK_F_DISCARD | BLK_F_WRITE_ZEROES
        | MODEL_F_INDIRECT_DESC | MODEL_F_EVENT_IDX | MODEL_F_VERSION_1);
    close_disk();
}

TEST(features_that_are_refused_after_all_are_said) {
    start_usual();
    device.refuses_features = true;
    check_refused("it does not want the features that it offers");
}

TEST(functions_of_others_are_no_virtio_devices) {
    static const uint16_t ids[][3] = {
        { 0x1af4, 0x1042, VIRTIO_BLK }, { 0x1af4, 0x1041, VIRTIO_NET }, { 0x1af4, 0x1053, VIRTIO_VSOCK },
        { 0x1af4, 0x107f, 63 }, { 0x1af4, 0x1080, 0 }, { 0x1af4, 0x1040, 0 }, { 0x1af4, 0x1001, 0 }, { 0x8086, 0x1042, 0 },
    };
    for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); ++i) {
        pci_function_t function = { .vendor = ids[i][0], .device = ids[i][1] };
        CHECK_EQ(virtio_type(&function), ids[i][2]);
    }
}
