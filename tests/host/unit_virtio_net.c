/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Virtio network devices by drivers/, on a device that keeps to the rules, and that checks that the driver does. */

#include "tests/host/unit.h"
#include "tests/host/virtio/net_world.h"

/* What came last. */
static struct {
    uint8_t frame[NET_FRAME_MAX];
    uint32_t len;
    virtio_net_offload_t offload;
} last;

static void keep(const user_piece_t *buffer, const virtio_net_received_t *received) {
    last.len = received->len;
    last.offload = received->offload;
    memcpy(last.frame, buffer->bytes + NET_HEADER, received->len);
}

/* One frame from the wire, until the receiver has it. Whether it was one. */
static bool receive(const net_header_t *header, uint32_t len) {
    static uint8_t frame[NET_FRAME_MAX];
    fill(frame, len, len);
    uint64_t before = user.received;
    user.on_frame = keep;
    CHECK(net_receive(header, frame, len));
    device_signal(NET_RX);
    run_receiver();
    CHECK(user.received == before || (last.len <= len && !memcmp(last.frame, frame, last.len)));
    return user.received != before;
}

/* One frame to the wire, until the sender has it back. */
static void send(uint32_t len, unsigned segments, const virtio_net_offload_t *offload) {
    static uint8_t frame[NET_FRAME_MAX];
    fill(frame, len, len + segments);
    CHECK_EQ(user_send(frame, len, segments, offload), VIRTIO_NET_ADDED);
    virtio_net_tx_flush(user.net.pair);
    net_run();
    CHECK_EQ(user_take_sent(2), 1);
    CHECK_EQ(net_device.len, len);
    CHECK(!memcmp(net_device.frame, frame, len));
}

static void use_net(void) {
    for (uint32_t len = 60; len <= 1514; len += 201) {
        CHECK(receive(&plain, len));
        CHECK_EQ(last.len, len);
        CHECK_EQ(last.offload.checksum, VIRTIO_NET_CHECKSUM_NONE);
        send(len, 1 + len % 5, NULL);
        CHECK(!net_device.header.flags && !net_device.header.gso);
    }
}

TEST(frames_go_out_and_come_in) {
    open_net(&net_usual, false, 16);
    use_net();
    close_net();
    open_net(&net_usual_of_qemu, false, 16);
    use_net();
    close_net();
}

TEST(what_the_configuration_says_is_what_the_driver_knows) {
    net_options_t options = net_usual;
    options.mtu = 9000;
    open_net(&options, false, 1);
    CHECK(user.net.has_mac && !memcmp(user.net.mac, options.mac, 6));
    CHECK_EQ(user.net.mtu, 9000);
    CHECK_EQ(user.net.receive_len, 12 + 14 + 4 + 9000);
    CHECK_EQ(user.net.receive_max, 256);
    CHECK_EQ(user.net.segments_max, 255);
    CHECK(user.net.link_up && !user.net.must_announce);
    CHECK(user.net.sends_checksum && user.net.sends_tso4 && user.net.sends_tso6 && user.net.sends_ecn);
    CHECK(user.net.receives_checksum && !user.net.receives_tso);
    CHECK_EQ(device.accepted & (NET_F_MRG_RXBUF | NET_F_MQ | NET_F_GUEST_UFO | NET_F_CTRL_GUEST_OFFLOADS), 0);
    CHECK_EQ(device.accepted & (NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6 | NET_F_GUEST_ECN), 0);
    close_net();
}

TEST(without_features_there_is_a_usual_device) {
    net_options_t options = net_usual;
    options.features = MODEL_F_VERSION_1;
    options.mtu = options.status = 0;
    open_net(&options, true, 4);
    CHECK(!user.net.has_mac && !user.net.mac[0]);
    CHECK_EQ(user.net.mtu, 1500);
    CHECK(user.net.link_up && !user.net.must_announce);
    CHECK(!user.net.sends_checksum && !user.net.sends_tso4 && !user.net.sends_tso6 && !user.net.sends_ecn);
    CHECK(!user.net.receives_checksum && !user.net.receives_tso);
    CHECK(!user.net.control.ring.size && !virtio_net_announced(&user.net));
    use_net();
    close_net();
}

TEST(a_feature_is_not_taken_without_what_it_needs) {
    static const struct {
        uint64_t missing, lost;
    } rules[] = {
        { NET_F_CSUM, NET_F_HOST_TSO4 | NET_F_HOST_TSO6 | NET_F_HOST_ECN },
        { NET_F_HOST_TSO4 | NET_F_HOST_TSO6, NET_F_HOST_ECN },
        { NET_F_GUEST_CSUM, NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6 | NET_F_GUEST_ECN },
        { NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6, NET_F_GUEST_ECN },
        { NET_F_CTRL_VQ, NET_F_GUEST_ANNOUNCE },
        { NET_F_STATUS, NET_F_GUEST_ANNOUNCE | NET_F_CTRL_VQ },
        { NET_F_GUEST_ANNOUNCE, NET_F_CTRL_VQ },
    };
    open_net(&net_usual, true, 1);
    uint64_t all = device.accepted;
    close_net();
    for (unsigned i = 0; i < sizeof(rules) / sizeof(rules[0]); ++i) {
        net_options_t options = net_usual;
        options.features &= ~rules[i].missing;
        open_net(&options, true, 2);
        CHECK_EQ(device.accepted, all & ~(rules[i].missing | rules[i].lost));
        use_net();
        close_net();
    }
}

TEST(a_mac_that_is_no_single_stations_is_none) {
    static const uint8_t macs[][6] = { { 0 }, { 1, 0, 0x5e, 0, 0, 1 }, { 255, 255, 255, 255, 255, 255 } };
    for (unsigned i = 0; i < 3; ++i) {
        net_options_t options = net_usual;
        memcpy(options.mac, macs[i], 6);
        open_net(&options, false, 1);
        CHECK(!user.net.has_mac && !memcmp(user.net.mac, macs[0], 6));
        close_net();
    }
}

TEST(a_frame_that_is_longer_than_the_buffer_is_cut_off) {
    open_net(&net_usual, false, 4);
    CHECK(receive(&plain, 5000));
    CHECK_EQ(last.len, user.net.receive_len - NET_HEADER);
    close_net();
}

TEST(a_frame_without_an_ethernet_header_is_none) {
    open_net(&net_usual, false, 4);
    for (uint32_t len = 0; len < ETHERNET; ++len) {
        CHECK(!receive(&plain, len));
    }
    CHECK_EQ(user.bad, ETHERNET);
    CHECK_EQ(user.net.pair[0].bad_frames, ETHERNET);
    CHECK(receive(&plain, ETHERNET));
    // The device has the buffers again.
    CHECK_EQ(user.buffers, 4);
    close_net();
}

TEST(a_header_may_lie_at_any_address_and_a_buffer_in_pieces) {
    start(&net_usual);
    CHECK_EQ((uintptr_t)user_open(false), 0);
    for (unsigned segments = 1; segments < 40; segments += 7) {
        user_offer(segments, segments);
        virtio_net_rx_flush(user.net.pair);
        CHECK(receive(&plain, 1000 + segments));
        CHECK_EQ(last.len, 1000 + segments);
    }
    close_net();
}

static bool receives(uint8_t flags, uint16_t csum_start, uint16_t csum_offset, uint32_t len) {
    net_header_t header = { .flags = flags, .csum_start = csum_start, .csum_offset = csum_offset, .buffers = 1 };
    return receive(&header, len);
}

TEST(checksums_are_as_the_header_says_within_the_frame) {
    open_net(&net_usual, false, 4);
    CHECK(receives(0, 1, 2, 100) && last.offload.checksum == VIRTIO_NET_CHECKSUM_NONE);
    CHECK(receives(NET_DATA_VALID, 1, 2, 100) && last.offload.checksum == VIRTIO_NET_CHECKSUM_VALID);
    CHECK(receives(NET_NEEDS_CSUM | NET_DATA_VALID, 34, 16, 100));
    CHECK_EQ(last.offload.checksum, VIRTIO_NET_CHECKSUM_PARTIAL);
    CHECK(last.offload.csum_start == 34 && last.offload.csum_offset == 16);
    CHECK(receives(NET_NEEDS_CSUM, ETHERNET, 100 - ETHERNET - 2, 100));
    CHECK(!receives(NET_NEEDS_CSUM, ETHERNET, 100 - ETHERNET - 1, 100));
    CHECK(!receives(NET_NEEDS_CSUM, 0xffff, 0xffff, 100));
    CHECK(!receives(NET_NEEDS_CSUM, 99, 0, 100));
    CHECK(!receives(NET_NEEDS_CSUM, 13, 0, 100));
    close_net();
}

TEST(checksums_are_unknown_where_that_was_not_negotiated) {
    net_options_t options = net_usual;
    options.features &= ~NET_F_GUEST_CSUM;
    open_net(&options, false, 4);
    CHECK(receives(NET_NEEDS_CSUM, 0xffff, 0xffff, 100) && last.offload.checksum == VIRTIO_NET_CHECKSUM_NONE);
    CHECK(receives(NET_DATA_VALID, 0, 0, 100) && last.offload.checksum == VIRTIO_NET_CHECKSUM_NONE);
    close_net();
}

static bool receives_gso(uint8_t gso, uint16_t gso_size, uint32_t len) {
    net_header_t header = { NET_NEEDS_CSUM, gso, 0, gso_size, .csum_start = 34, .csum_offset = 16, .buffers = 1 };
    return receive(&header, len);
}

TEST(joined_segments_come_only_into_large_buffers) {
    open_net(&net_usual, true, 4);
    CHECK(user.net.receives_tso);
    CHECK_EQ(user.net.receive_len, 65562);
    CHECK(receives_gso(NET_TCPV4, 1460, 60000));
    CHECK_EQ(last.len, 60000);
    CHECK(last.offload.gso == VIRTIO_NET_GSO_TCPV4 && last.offload.gso_size == 1460 && !last.offload.ecn);
    CHECK(receives_gso(NET_TCPV6 | NET_ECN, 1, 65549));
    CHECK(last.offload.gso == VIRTIO_NET_GSO_TCPV6 && last.offload.gso_size == 1 && last.offload.ecn);
    CHECK(!receives_gso(NET_TCPV4, 0, 1000));
    CHECK(!receives_gso(NET_UDP, 1000, 2000));
    CHECK(!receives_gso(5, 1000, 2000));
    CHECK(!receives_gso(0x7f, 1000, 2000));
    CHECK(receives_gso(0, 1000, 2000) && !last.offload.gso);
    CHECK(receives_gso(NET_TCPV4, 1000, 1014) && !last.offload.gso && !last.offload.gso_size);
    CHECK(receives_gso(NET_TCPV4, 1000, 1015) && last.offload.gso);
    close_net();
    open_net(&net_usual, false, 4);
    CHECK(!receives_gso(NET_TCPV4, 100, 1000));
    CHECK(!receives_gso(NET_TCPV6, 100, 1000));
    close_net();
    net_options_t options = net_usual;
    options.features &= ~(NET_F_GUEST_TSO6 | NET_F_GUEST_ECN);
    open_net(&options, true, 4);
    CHECK(receives_gso(NET_TCPV4, 100, 1000));
    CHECK(!receives_gso(NET_TCPV4 | NET_ECN, 100, 1000));
    CHECK(!receives_gso(NET_TCPV6, 100, 1000));
    close_net();
}

TEST(what_is_left_to_the_device_is_in_the_header) {
    open_net(&net_usual, false, 1);
    virtio_net_offload_t offload = { .checksum = VIRTIO_NET_CHECKSUM_PARTIAL, .csum_start = 34, .csum_offset = 16 };
    send(100, 1, &offload);
    CHECK_EQ(net_device.header.flags, NET_NEEDS_CSUM);
    CHECK(net_device.header.csum_start == 34 && net_device.header.csum_offset == 16 && !net_device.header.gso);
    offload.gso = VIRTIO_NET_GSO_TCPV6;
    offload.gso_size = 1440;
    offload.headers = 74;
    offload.ecn = true;
    send(65549, 45, &offload);
    CHECK_EQ(net_device.header.gso, NET_TCPV6 | NET_ECN);
    CHECK(net_device.header.gso_size == 1440 && net_device.header.headers == 74);
    offload = (virtio_net_offload_t) { .checksum = VIRTIO_NET_CHECKSUM_VALID, .csum_start = 3, .gso_size = 9 };
    send(100, 1, &offload); // As it was received, perhaps.
    CHECK(!net_device.header.flags && !net_device.header.csum_start && !net_device.header.gso_size);
    close_net();
}

TEST(a_full_queue_says_so_and_wakes_who_waits) {
    for (unsigned rules = 0; rules < 4; ++rules) {
        net_options_t options = rules & 1 ? net_usual_of_qemu : net_usual;
        options.features &= rules & 2 ? ~MODEL_F_EVENT_IDX : ~0ull;
        open_net(&options, false, 1);
        uint8_t frame[60] = { 0 };
        unsigned count = 0;
        while (user_send(frame, sizeof(frame), 1, NULL) == VIRTIO_NET_ADDED) {
            ++count;
        }
        CHECK_EQ(count, 128);
        CHECK_EQ(user.full, 1);
        virtio_net_tx_flush(user.net.pair);
        CHECK_EQ(device.queue[NET_TX].ring.notifications, 1);
        user_wait_sent();
        CHECK(user.sent_wakes && !user.sent_woken);
        net_run();
        CHECK(user.sent_woken);
        CHECK_EQ(user_take_sent(3), 3);
        CHECK_EQ(user_take_sent(200), 125);
        CHECK_EQ(user_take_sent(200), 0);
        user_wait_sent();
        CHECK(user.sent_wakes);
        close_net();
    }
}

/* Each chain has its own. */
TEST(headers_of_frames_that_are_on_their_way_are_apart) {
    open_net(&net_usual, false, 1);
    uint8_t frame[200] = { 0 };
    for (uint16_t i = 0; i < 40; ++i) {
        virtio_net_offload_t offload =
            { .checksum = VIRTIO_NET_CHECKSUM_PARTIAL, .csum_start = 14 + i, .csum_offset = 2 * i };
        CHECK_EQ(user_send(frame, sizeof(frame), 1 + i % 3, &offload), VIRTIO_NET_ADDED);
    }
    virtio_net_tx_flush(user.net.pair);
    while (net_take()) {
    }
    uint16_t head = 0;
    for (uint16_t i = 0; i < 40; ++i) {
        CHECK(net_find_taken(&head)); // In the order of their descriptors, as they were added.
        net_end(head);
        CHECK_EQ(net_device.header.csum_start, 14 + i);
        CHECK_EQ(net_device.header.csum_offset, 2 * i);
    }
    CHECK_EQ(user_take_sent(-1u), 40);
    close_net();
}

TEST(who_looks_in_vain_does_not_keep_others_from_being_woken) {
    for (unsigned event_idx = 0; event_idx < 2; ++event_idx) {
        net_options_t options = net_usual_of_qemu;
        options.features &= event_idx ? ~0ull : ~MODEL_F_EVENT_IDX;
        open_net(&options, false, 1);
        uint8_t frame[60] = { 0 };
        for (unsigned i = 1; i <= 3; ++i) {
            user_send(frame, sizeof(frame), 1, NULL);
            virtio_net_tx_flush(user.net.pair);
            user_wait_sent();
            CHECK(user.sent_wakes);
            CHECK_EQ(user_take_sent(1), 0);
            net_run();
            CHECK(user.sent_woken);
            CHECK_EQ(device.interrupts, i);
            // Nobody waits any more.
            CHECK_EQ(user_take_sent(1), 1);
            send(60, 1, NULL);
            CHECK_EQ(device.interrupts, i);
        }
        close_net();
    }
}

TEST(who_waits_is_told_where_something_has_come_back_already) {
    open_net(&net_usual, false, 1);
    uint8_t frame[60] = { 0 };
    user_send(frame, sizeof(frame), 1, NULL);
    virtio_net_tx_flush(user.net.pair);
    net_run();
    CHECK(!user.sent_woken);
    user_wait_sent();
    CHECK(!user.sent_wakes);
    CHECK_EQ(user_take_sent(1), 1);
    close_net();
}

TEST(there_is_no_interrupt_for_what_is_sent) {
    for (unsigned event_idx = 0; event_idx < 2; ++event_idx) {
        net_options_t options = net_usual_of_qemu; // It heeds NO_INTERRUPT, where there is no EVENT_IDX.
        options.features &= event_idx ? ~0ull : ~MODEL_F_EVENT_IDX;
        open_net(&options, false, 1);
        for (unsigned i = 0; i < 1000; ++i) {
            send(60, 1, NULL);
        }
        CHECK_EQ(device.interrupts, 0);
        close_net();
    }
}

TEST(a_batch_of_frames_costs_one_notification) {
    open_net(&net_usual, false, 100);
    CHECK_EQ(device.queue[NET_RX].ring.notifications, 1);
    uint8_t frame[60] = { 0 };
    for (unsigned i = 0; i < 50; ++i) {
        user_send(frame, sizeof(frame), 1, NULL);
    }
    CHECK_EQ(device.queue[NET_TX].ring.notifications, 0);
    CHECK(!net_take());
    virtio_net_tx_flush(user.net.pair);
    virtio_net_tx_flush(user.net.pair);
    CHECK_EQ(device.queue[NET_TX].ring.notifications, 1);
    net_run();
    CHECK_EQ(net_device.sent, 50);
    close_net();
}

TEST(a_batch_of_frames_costs_one_interrupt) {
    for (unsigned event_idx = 0; event_idx < 2; ++event_idx) {
        net_options_t options = net_usual_of_qemu;
        options.features &= event_idx ? ~0ull : ~MODEL_F_EVENT_IDX;
        open_net(&options, false, 100);
        uint8_t frame[60] = { 0 };
        CHECK(net_receive(&plain, frame, sizeof(frame)));
        device_signal(NET_RX);
        machine_take_interrupts();
        CHECK(user.receive_woken);
        // It takes one at a time, and more come meanwhile.
        for (unsigned i = 0; i < 50; ++i) {
            user_receive(1, 1);
            CHECK_EQ(user.received, i + 1);
            CHECK(net_receive(&plain, frame, sizeof(frame)));
            device_signal(NET_RX);
            machine_take_interrupts();
        }
        CHECK_EQ(device.interrupts, 1);
        user_receive(-1u, 1);
        CHECK_EQ(user.received, 51);
        CHECK(user.receive_wakes && !user.receive_woken);
        CHECK(net_receive(&plain, frame, sizeof(frame)));
        device_signal(NET_RX);
        run_receiver();
        CHECK_EQ(user.received, 52);
        CHECK_EQ(device.interrupts, 2);
        close_net();
    }
}

/* More than 65536 of each: all indices of 16 bits wrap. */
TEST(indices_wrap_around) {
    for (unsigned event_idx = 0; event_idx < 2; ++event_idx) {
        net_options_t options = net_usual;
        options.queue_size = 16;
        options.features &= event_idx ? ~0ull : ~MODEL_F_EVENT_IDX;
        open_net(&options, false, 16);
        uint8_t frame[100] = { 0 };
        unsigned added = 0;
        while (user.received < 70000 || user.sent < 70000) {
            for (unsigned i = random_below(12); i > 0; --i) {
                net_receive(&plain, frame, sizeof(frame));
                added += user_send(frame, sizeof(frame), 1 + i % 3, NULL) == VIRTIO_NET_ADDED;
            }
            virtio_net_tx_flush(user.net.pair);
            device_signal(NET_RX);
            run_receiver();
            CHECK_EQ(user.received, net_device.received);
            CHECK_EQ(user.buffers, 16);
            net_run();
            CHECK_EQ(net_device.sent, added);
            user_take_sent(random_below(20));
            machine.looks = 0;
        }
        close_net();
    }
}

TEST(queues_of_every_size) {
    for (unsigned size = 2; size <= RING_MODEL_SIZE_MAX; size *= 2) {
        net_options_t options = net_usual;
        options.queue_size = size;
        unsigned is = size < 256 ? size : 256;
        open_net(&options, false, is);
        CHECK_EQ(user.net.receive_max, is);
        CHECK_EQ(user.net.segments_max, is - 1);
        CHECK_EQ(user.buffers, is);
        send(600, is - 1, NULL);
        CHECK(receive(&plain, 100));
        close_net();
    }
}

TEST(the_link_goes_down_and_up) {
    open_net(&net_usual, false, 1);
    net_set_status(0);
    device_config_change();
    machine_take_interrupts();
    CHECK_EQ(user.changes, 1);
    CHECK(user.net.link_up);
    CHECK(virtio_net_read_status(&user.net) && !user.net.link_up);
    net_set_status(NET_LINK_UP);
    CHECK(virtio_net_read_status(&user.net) && user.net.link_up && !user.net.must_announce);
    close_net();
}

TEST(what_was_announced_is_said_once_at_a_time) {
    open_net(&net_usual, false, 1);
    for (unsigned i = 1; i <= 5; ++i) {
        net_set_status(NET_LINK_UP | NET_ANNOUNCE);
        CHECK(virtio_net_read_status(&user.net) && user.net.must_announce);
        CHECK(virtio_net_announced(&user.net));
        CHECK(!virtio_net_announced(&user.net)); // It has not answered.
        unsigned changes = user.changes;
        net_run();
        CHECK_EQ(net_device.announced, i);
        CHECK_EQ(user.changes, changes + 1);
        CHECK(virtio_net_read_status(&user.net) && !user.net.must_announce);
    }
    close_net();
}

TEST(interrupts_go_where_they_are_steered) {
    open_net(&net_usual, false, 4);
    CHECK(receive(&plain, 60));
    CHECK_EQ(machine.last_apic_id, 5);
    user_steer(100);
    CHECK(receive(&plain, 60));
    CHECK_EQ(machine.last_apic_id, 100);
    user_steer(1000); // They stay where they can be reached.
    CHECK(receive(&plain, 60));
    CHECK_EQ(machine.last_apic_id, 100);
    close_net();
}

TEST(stop_gives_all_back_and_restart_begins_anew) {
    open_net(&net_usual_of_qemu, false, 0);
    uint8_t frame[60] = { 0 };
    for (unsigned round = 0; round < 3; ++round) {
        user_offer(20, 2);
        virtio_net_rx_flush(user.net.pair);
        for (unsigned i = 0; i < 10; ++i) {
            user_send(frame, sizeof(frame), 1 + i % 3, NULL);
            net_receive(&plain, frame, sizeof(frame)); // Without an interrupt.
        }
        virtio_net_tx_flush(user.net.pair);
        uint16_t head = 0;
        CHECK(net_take() && net_take() && net_find_taken(&head));
        net_end(head);
        CHECK_EQ(user.buffers, 20);
        CHECK_EQ(user.frames, 10);
        device.reset_looks = 10 * round;
        CHECK(user_stop());
        virtio_net_received_t received;
        CHECK(!virtio_net_rx_take(user.net.pair, &received) && virtio_net_rx_wait(user.net.pair));
        CHECK_EQ(user_send(frame, sizeof(frame), 1, NULL), VIRTIO_NET_STOPPED);
        CHECK(!user_take_sent(1) && !virtio_net_tx_wait(user.net.pair));
        CHECK(!virtio_net_announced(&user.net));
        user_offer(1, 1);
        CHECK_EQ(user.buffers, 0);
        virtio_net_rx_flush(user.net.pair);
        virtio_net_tx_flush(user.net.pair);
        device_interrupt(MODEL_QUEUE_VECTOR); // One that was late.
        machine_take_interrupts();
        CHECK_EQ((uintptr_t)user_restart(), 0);
        CHECK_EQ((uintptr_t)virtio_net_problem(&user.net), 0);
    }
    user_offer(16, 1);
    virtio_net_rx_flush(user.net.pair);
    use_net();
    close_net();
}

/* Another CPU, that sends a frame whenever it can. */
static unsigned sent, refused;

static void send_from_elsewhere(void) {
    uint8_t frame[60] = { 0 };
    if (user.is_open && !machine.locks && !machine.in_interrupt) {
        user_take_sent(20);
        *(user_send(frame, sizeof(frame), 1, NULL) == VIRTIO_NET_ADDED ? &sent : &refused) += 1;
        virtio_net_tx_flush(user.net.pair);
    }
}

TEST(who_sends_while_it_stops_and_starts_is_refused_or_served) {
    open_net(&net_usual, false, 1);
    machine.elsewhere = send_from_elsewhere;
    for (unsigned round = 0; round < 10; ++round) {
        device.reset_looks = round;
        CHECK(user_stop());
        CHECK_EQ((uintptr_t)user_restart(), 0);
        user_offer(4, 1);
        virtio_net_rx_flush(user.net.pair);
        net_run();
    }
    machine.elsewhere = NULL;
    CHECK(sent >= 10 && refused > 10);
    net_run();
    user_take_sent(-1u);
    CHECK_EQ(user.frames, 0);
    close_net();
}
