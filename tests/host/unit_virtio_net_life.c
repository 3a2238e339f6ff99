/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Virtio network devices that are not as they should be: memory that is missing, resets that take long, devices that
 * are taken out, change, break, or tell one lie. */

#include "tests/host/unit.h"
#include "tests/host/virtio/net_world.h"

static const char no_problem[] = "";

/* Opens it; what is wrong, in a test that says so. All is given back. */
static const char *refused(void) {
    const char *problem = user_open(true);
    if (!problem) {
        user_close();
    }
    CHECK_EQ(machine_end(), 0);
    device_end();
    return problem ? problem : no_problem;
}

static const char *refused_with(net_options_t options) {
    start(&options);
    return refused();
}

TEST(memory_or_vectors_that_are_missing_are_said_and_all_is_given_back) {
    // Three queues, and the headers; three queues, and the configuration.
    for (unsigned left = 0; left < 6; ++left) {
        start(&net_usual);
        machine.allocs_left = left;
        CHECK_EQ(refused() == no_problem, left >= 4);
        start(&net_usual);
        machine.vectors_left = left;
        CHECK_EQ(refused() == no_problem, left >= 4);
    }
}

TEST(a_device_that_makes_no_sense_is_refused) {
    net_options_t options = net_usual;
    options.mtu = 67;
    CHECK_TEXT(refused_with(options), "it has no possible MTU");
    options.mtu = 68;
    CHECK_TEXT(refused_with(options), no_problem);
    options.mtu = 65535;
    CHECK_TEXT(refused_with(options), no_problem);
    options.features &= ~MODEL_F_VERSION_1;
    CHECK_TEXT(refused_with(options), "it is no device of virtio 1");
    options = net_usual;
    options.queue_size = 1;
    CHECK_TEXT(refused_with(options), "its queues are too short");
    options.queue_size = 0;
    CHECK_TEXT(refused_with(options), "it lacks a queue");
    options = net_usual;
    start(&options);
    device.queue_count = 2;
    CHECK_TEXT(refused(), "it lacks a queue");
    start(&options);
    device.refuses_features = true;
    CHECK_TEXT(refused(), "it does not want the features that it offers");
    start(&options);
    device.refuses_vectors = true;
    CHECK_TEXT(refused(), "it has no room for an interrupt");
    start(&options);
    pci_model_set(&device.pci, 0x63, 1, 99); // The capability of its configuration.
    CHECK_TEXT(refused(), "it has no configuration");
}

static void change(void) {
    device_config_change();
}

TEST(a_configuration_that_never_rests_is_none) {
    start(&net_usual_of_qemu);
    machine.elsewhere = change;
    CHECK_TEXT(refused(), "it has no configuration");
    open_net(&net_usual_of_qemu, false, 1);
    net_set_status(0);
    machine.elsewhere = change;
    CHECK(!virtio_net_read_status(&user.net) && user.net.link_up);
    machine.elsewhere = NULL;
    CHECK(virtio_net_read_status(&user.net) && !user.net.link_up);
    close_net();
}

TEST(a_slow_reset_is_waited_for) {
    start(&net_usual);
    device.reset_looks = 100;
    CHECK_EQ((uintptr_t)user_open(false), 0);
    device.reset_looks = 500;
    CHECK(user_stop());
    CHECK(machine.now_ns < 1000000000);
    close_net();
}

TEST(a_reset_without_end_is_given_up_after_a_second_and_the_device_cut_off) {
    open_net(&net_usual, false, 3);
    device.reset_looks = -1;
    machine.look_ns = 100000;
    uint64_t begin = machine.now_ns;
    CHECK(!user_stop());
    CHECK(machine.now_ns - begin >= 1000000000 && machine.now_ns - begin < 2000000000);
    CHECK_EQ(pci_model_get(&device.pci, 4, 2) & 4, 0); // Bus master.
    CHECK(!user_close());
    CHECK_EQ(machine_end(), 4); // Queues and headers are the device's for good.
    device_end();
}

TEST(a_device_that_is_taken_out_reads_as_ones_and_is_let_go_of) {
    open_net(&net_usual_of_qemu, false, 3);
    uint8_t frame[60] = { 0 };
    user_send(frame, sizeof(frame), 1, NULL);
    device_take_out();
    machine.look_ns = 100000;
    virtio_net_tx_flush(user.net.pair);
    CHECK(virtio_needs_reset(&user.net.virtio));
    CHECK(!user_stop());
    CHECK_EQ(user_send(frame, sizeof(frame), 1, NULL), VIRTIO_NET_STOPPED);
    CHECK(!user_close());
    CHECK_EQ(machine_end(), 4);
}

TEST(a_device_that_was_taken_out_is_not_opened) {
    start(&net_usual);
    device_take_out();
    CHECK_TEXT(refused(), "it is not there");
}

TEST(an_error_of_the_device_is_told_and_mended_by_a_restart) {
    open_net(&net_usual, false, 3);
    device_needs_reset();
    machine_take_interrupts();
    CHECK_EQ(user.changes, 1);
    CHECK(virtio_needs_reset(&user.net.virtio));
    CHECK(user_stop());
    CHECK_EQ((uintptr_t)user_restart(), 0);
    CHECK(!virtio_needs_reset(&user.net.virtio));
    close_net();
}

TEST(a_device_that_offers_other_features_is_not_restarted) {
    open_net(&net_usual_of_qemu, false, 3);
    CHECK(user_stop());
    uint64_t offered = device.offered;
    device.offered &= ~NET_F_CSUM;
    CHECK_TEXT(user_restart(), "its features are others than before");
    uint8_t frame[60] = { 0 };
    CHECK_EQ(user_send(frame, sizeof(frame), 1, NULL), VIRTIO_NET_STOPPED);
    // More are none of its business; and it can be tried again.
    device.offered = offered | 1ull << 40;
    CHECK_EQ((uintptr_t)user_restart(), 0);
    close_net();
}

/* What stops the queue of a device that lies, once, and tells so; and nothing else. */
static void check_stopped(unsigned queue, const char *problem) {
    CHECK_TEXT(virtio_net_problem(&user.net), problem);
    CHECK_EQ(user.changes, 1);
    uint8_t frame[60] = { 0 };
    unsigned before = user.frames;
    virtio_net_add_t added = user_send(frame, sizeof(frame), 1, NULL);
    CHECK_EQ(added, queue == NET_TX ? VIRTIO_NET_STOPPED : VIRTIO_NET_ADDED);
    CHECK_EQ(user.frames, before + (queue != NET_TX));
    user_offer(user.buffers + 1, 1);
    virtio_net_rx_flush(user.net.pair);
    virtio_net_tx_flush(user.net.pair);
    user_receive(-1u, 1);
    user_take_sent(1);
    CHECK_EQ(user.changes, 1);
    CHECK(user_stop());
    CHECK_EQ((uintptr_t)user_restart(), 0);
    CHECK_EQ((uintptr_t)virtio_net_problem(&user.net), 0);
    close_net();
}

static void open_liar(void) {
    open_net(&net_usual, false, 4);
    machine.lies = true;
    uint8_t frame[60] = { 0 };
    for (unsigned i = 0; i < 4; ++i) {
        user_send(frame, sizeof(frame), 1, NULL);
    }
    virtio_net_tx_flush(user.net.pair);
}

static void look_at(unsigned queue) {
    if (queue == NET_RX) {
        user_receive(-1u, 1);
    } else {
        user_take_sent(-1u);
    }
}

TEST(a_queue_that_returns_what_it_does_not_have_is_stopped) {
    for (unsigned queue = NET_RX; queue <= NET_TX; ++queue) {
        static const uint32_t ids[] = { 200, 256, 0xffffffff };
        for (unsigned i = 0; i < 3; ++i) {
            open_liar();
            ring_push(&device.queue[queue].ring, ids[i], 0);
            look_at(queue);
            check_stopped(queue, "it returned a descriptor that it does not have");
        }
    }
}

TEST(a_queue_that_wrote_more_than_it_could_is_stopped) {
    for (unsigned queue = NET_RX; queue <= NET_TX; ++queue) {
        open_liar();
        ring_push(&device.queue[queue].ring, 0, queue == NET_RX ? user.net.receive_len + 1 : 1);
        look_at(queue);
        check_stopped(queue, "it says that it wrote more than it could");
    }
}

TEST(a_queue_whose_index_leaps_is_stopped) {
    for (unsigned queue = NET_RX; queue <= NET_TX; ++queue) {
        open_liar();
        device.queue[queue].ring.used[1] = 5;
        look_at(queue);
        check_stopped(queue, "its used ring has more than it was given");
    }
}

/* It would be shown later, when its memory is somebody else's. */
TEST(a_queue_that_returns_what_it_was_not_shown_is_stopped) {
    open_liar();
    uint8_t frame[60] = { 0 };
    user_send(frame, sizeof(frame), 1, NULL);
    ring_push(&device.queue[NET_TX].ring, 8, 0); // The fifth one, of two descriptors each.
    CHECK_EQ(user_take_sent(-1u), 0);
    check_stopped(NET_TX, "it returned a descriptor that it does not have");
}

/* The same descriptor is the driver's after the first time. */
TEST(a_queue_that_returns_something_twice_is_stopped) {
    open_liar();
    ring_push(&device.queue[NET_TX].ring, 0, 0);
    ring_push(&device.queue[NET_TX].ring, 0, 0);
    CHECK_EQ(user_take_sent(-1u), 1);
    check_stopped(NET_TX, "it returned a descriptor that it does not have");
}

TEST(a_control_queue_that_lies_is_told_once) {
    open_net(&net_usual, false, 1);
    machine.lies = true;
    CHECK(virtio_net_announced(&user.net));
    device.queue[NET_CONTROL].ring.used[1] = 5;
    for (unsigned i = 0; i < 3; ++i) {
        CHECK(!virtio_net_announced(&user.net));
    }
    CHECK_EQ(user.changes, 1);
    check_stopped(NET_CONTROL, "its used ring has more than it was given");
}

TEST(interrupts_for_nothing_are_harmless) {
    open_net(&net_usual, false, 4);
    for (uint16_t vector = 0; vector < device.vector_count; ++vector) {
        device_interrupt(vector);
        machine_take_interrupts();
    }
    CHECK_EQ(user.changes, 2); // That of the control queue is one.
    CHECK(user.receive_woken && user.sent_woken);
    user_receive(-1u, 1);
    CHECK(user.receive_wakes);
    CHECK_EQ((uintptr_t)virtio_net_problem(&user.net), 0);
    close_net();
}

/* An interrupt of each kind at each point of a life. */
static void interrupt_all(void) {
    for (uint16_t vector = 0; vector < device.vector_count; ++vector) {
        device_interrupt(vector);
    }
}

TEST(interrupts_may_come_while_it_is_opened_stopped_and_freed) {
    start(&net_usual);
    machine.elsewhere = interrupt_all;
    CHECK_EQ((uintptr_t)user_open(false), 0);
    CHECK(user_stop());
    CHECK_EQ((uintptr_t)user_restart(), 0);
    CHECK(user_close());
    machine.elsewhere = NULL;
    CHECK(user.changes > 10);
    CHECK_EQ(machine_end(), 0);
    device_end();
}
