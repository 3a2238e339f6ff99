/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Virtio block devices by drivers/, on a device that keeps to the rules, and that checks that the driver does. */

#include "tests/host/unit.h"
#include "tests/host/virtio/blk_world.h"

/* What every kind of device lets be done. */
static void use_disk(unsigned segments_max) {
    static uint8_t wrote[64 * SECTOR], read[64 * SECTOR];
    for (unsigned segments = 1; segments <= segments_max; segments = segments * 3 + 1) {
        fill(wrote, sizeof(wrote), segments);
        unsigned queue = segments % user.blk.queue_count;
        CHECK_EQ(transfer(queue, VIRTIO_BLK_OUT, segments * 4, wrote, sizeof(wrote), segments), VIRTIO_BLK_OK);
        CHECK(!memcmp(wrote, blk_device.disk + segments * 4 * SECTOR, sizeof(wrote)));
        CHECK_EQ(transfer(queue, VIRTIO_BLK_IN, segments * 4, read, sizeof(read), segments), VIRTIO_BLK_OK);
        CHECK(!memcmp(wrote, read, sizeof(read)));
    }
}

TEST(every_request_type_does_what_it_says) {
    open_disk(&blk_usual);
    use_disk(126);
    CHECK_EQ(command(VIRTIO_BLK_FLUSH, 7, 0), VIRTIO_BLK_OK); // Whatever sector is said.
    CHECK_EQ(blk_device.flushes, 1);
    uint8_t id[VIRTIO_BLK_ID_SIZE];
    CHECK_EQ(transfer(0, VIRTIO_BLK_GET_ID, 0, id, sizeof(id), 1), VIRTIO_BLK_OK);
    CHECK(!memcmp(id, BLK_ID, sizeof(id)));
    memset(blk_device.disk, 1, sizeof(blk_device.disk));
    CHECK_EQ(command(VIRTIO_BLK_WRITE_ZEROES, 8, 16), VIRTIO_BLK_OK);
    CHECK_EQ(command(VIRTIO_BLK_DISCARD, 64, 8), VIRTIO_BLK_OK);
    CHECK_EQ(blk_device.discards, 1);
    for (unsigned sector = 0; sector < BLK_SECTORS_MAX; ++sector) {
        bool is_zero = (sector >= 8 && sector < 24) || (sector >= 64 && sector < 72);
        CHECK_EQ(blk_device.disk[sector * SECTOR + 511], is_zero ? 0 : 1);
    }
    close_disk();
}

TEST(what_the_configuration_says_is_what_the_driver_knows) {
    blk_options_t options = blk_usual;
    options.features |= BLK_F_RO | BLK_F_SIZE_MAX;
    options.block_size = 4096;
    options.sectors = 1003;
    options.size_max = 8192;
    open_disk(&options);
    CHECK_EQ(user.blk.sectors, 1000);
    CHECK_EQ(user.blk.block_size, 4096);
    CHECK_EQ(user.blk.segments_max, 126);
    CHECK_EQ(user.blk.segment_size_max, 8192);
    CHECK_EQ(user.blk.discard_max, 256);
    CHECK_EQ(user.blk.zeroes_max, 128);
    CHECK(user.blk.readonly && user.blk.can_flush);
    uint8_t data[4096] = { 0 };
    CHECK_EQ(transfer(0, VIRTIO_BLK_OUT, 0, data, sizeof(data), 1), VIRTIO_BLK_ERROR);
    CHECK_EQ(transfer(0, VIRTIO_BLK_IN, 0, data, sizeof(data), 1), VIRTIO_BLK_OK);
    close_disk();
}

TEST(without_features_there_are_no_limits_but_those_of_the_queue) {
    blk_options_t options = blk_usual;
    options.features = MODEL_F_VERSION_1;
    options.block_size = 4096;
    options.size_max = options.seg_max = 1;
    open_disk(&options);
    CHECK_EQ(user.blk.block_size, 512);
    CHECK_EQ(user.blk.segments_max, 24); // Each takes a descriptor.
    CHECK_EQ(user.blk.segment_size_max, UINT32_MAX);
    CHECK_EQ(user.blk.discard_max, 0);
    CHECK_EQ(user.blk.zeroes_max, 0);
    CHECK(!user.blk.readonly && !user.blk.can_flush);
    CHECK(!user.blk.queues[0].virtio.ring.event_idx);
    use_disk(24);
    CHECK_EQ(command(VIRTIO_BLK_FLUSH, 0, 0), VIRTIO_BLK_UNSUPPORTED);
    close_disk();
}

TEST(limits_of_zero_are_none_and_ranges_are_whole_blocks) {
    blk_options_t options = blk_usual;
    options.features |= BLK_F_SIZE_MAX;
    options.block_size = 4096;
    options.seg_max = options.size_max = options.discard_max = 0;
    options.zeroes_max = 15;
    open_disk(&options);
    CHECK_EQ(user.blk.segments_max, 126);
    CHECK_EQ(user.blk.segment_size_max, UINT32_MAX);
    CHECK_EQ(user.blk.discard_max, UINT32_MAX & ~7u);
    CHECK_EQ(user.blk.zeroes_max, 8);
    close_disk();
    options.zeroes_max = 7;
    open_disk(&options);
    CHECK_EQ(user.blk.zeroes_max, 0);
    close_disk();
}

TEST(an_error_of_the_device_is_an_error) {
    open_disk(&blk_usual);
    uint8_t data[SECTOR];
    CHECK_EQ(transfer(0, VIRTIO_BLK_IN, BLK_SECTORS_MAX, data, sizeof(data), 1), VIRTIO_BLK_ERROR);
    static const uint8_t statuses[][2] = {
        { 1, VIRTIO_BLK_ERROR }, { 2, VIRTIO_BLK_UNSUPPORTED }, { 3, VIRTIO_BLK_ERROR }, { 0xff, VIRTIO_BLK_ERROR },
    };
    for (unsigned i = 0; i < sizeof(statuses) / sizeof(statuses[0]); ++i) {
        blk_device.next_status = statuses[i][0];
        CHECK_EQ(transfer(0, VIRTIO_BLK_IN, 0, data, sizeof(data), 1), statuses[i][1]);
    }
    CHECK_EQ(transfer(0, VIRTIO_BLK_IN, 0, data, sizeof(data), 1), VIRTIO_BLK_OK);
    close_disk();
}

/* What Cloud Hypervisor does with a request that it does not understand. */
TEST(a_request_that_comes_back_untouched_is_an_error) {
    open_disk(&blk_usual);
    for (unsigned i = 0; i < 4; ++i) {
        virtio_blk_type_t type = i & 1 ? VIRTIO_BLK_IN : VIRTIO_BLK_FLUSH;
        unsigned len = type == VIRTIO_BLK_IN ? SECTOR : 0;
        user_request_t *request = user_submit(0, type, 0, NULL, len, !!len, 0, NULL);
        uint16_t head = 0;
        CHECK(blk_take(0) && blk_find_taken(0, &head));
        ring_return(&device.queue[0].ring, head, i & 2 ? len + 1 : 0);
        device_signal(0);
        blk_run();
        CHECK_EQ(request->blk.result, VIRTIO_BLK_ERROR);
        user_forget(request);
    }
    close_disk();
}

TEST(less_than_was_asked_for_is_an_error) {
    open_disk(&blk_usual);
    for (unsigned len = 0; len < SECTOR; len += SECTOR / 2) {
        user_request_t *request = user_submit(0, VIRTIO_BLK_IN, 0, NULL, SECTOR, 1, 0, NULL);
        uint16_t head = 0;
        CHECK(blk_take(0) && blk_find_taken(0, &head));
        uint8_t ok = 0;
        ring_copy(&device.queue[0].ring.chain[head], true, SECTOR, &ok, 1);
        ring_return(&device.queue[0].ring, head, len);
        device_signal(0);
        blk_run();
        CHECK_EQ(request->blk.result, VIRTIO_BLK_ERROR);
        user_forget(request);
    }
    close_disk();
}

TEST(a_full_queue_says_so_and_has_room_after_the_next_completion) {
    blk_options_t options = blk_usual;
    options.features &= ~MODEL_F_INDIRECT_DESC;
    open_disk(&options);
    virtio_blk_submit_t why = VIRTIO_BLK_SUBMITTED;
    unsigned count = 0;
    while (user_submit(0, VIRTIO_BLK_IN, count, NULL, SECTOR, 1, 0, &why)) {
        ++count;
    }
    CHECK_EQ(why, VIRTIO_BLK_FULL);
    CHECK_EQ(count, 128 / 3);
    // What does not fit does not keep out what does.
    user_request_t *flush = user_submit(0, VIRTIO_BLK_FLUSH, 0, NULL, 0, 0, 0, &why);
    CHECK(flush);
    CHECK(!user_submit(0, VIRTIO_BLK_FLUSH, 0, NULL, 0, 0, 0, &why));
    uint32_t before = user.blk.queues[0].completions;
    blk_run();
    CHECK_EQ(user.done, count + 1);
    CHECK_EQ(user.blk.queues[0].completions, before + count + 1);
    CHECK(user_submit(0, VIRTIO_BLK_IN, 0, NULL, SECTOR, 24, 0, &why));
    blk_run();
    CHECK_EQ(user.submitted, 0);
    close_disk();
}

TEST(the_longest_request_fits_as_soon_as_one_descriptor_is_free) {
    open_disk(&blk_usual);
    virtio_blk_submit_t why;
    for (unsigned i = 0; i < 42; ++i) {
        CHECK(user_submit(0, VIRTIO_BLK_IN, i, NULL, SECTOR, 1, 0, &why));
    }
    for (unsigned i = 0; i < 2; ++i) {
        CHECK(user_submit(0, VIRTIO_BLK_IN, 100, NULL, SECTOR, 126, 0, &why));
    }
    CHECK(!user_submit(0, VIRTIO_BLK_IN, 100, NULL, SECTOR, 126, 0, &why));
    CHECK_EQ(why, VIRTIO_BLK_FULL);
    blk_run();
    CHECK_EQ(user.done, 44);
    use_disk(126);
    close_disk();
}

/* Whose features differ from those that it had: it has begun with tables. */
TEST(a_device_that_knows_no_tables_any_more_gets_none) {
    blk_options_t options = usual_of_qemu;
    open_disk(&options);
    use_disk(126);
    CHECK(virtio_blk_stop(&user.blk));
    device.offered &= ~MODEL_F_INDIRECT_DESC;
    CHECK_EQ((uintptr_t)virtio_blk_restart(&user.blk), 0);
    use_disk(126);
    close_disk();
}

static void forget_all_done(void) {
    for (unsigned i = 0; i < USER_REQUESTS; ++i) {
        if (user.request[i] && user.request[i]->state == USER_DONE) {
            CHECK_EQ(user.request[i]->blk.result, VIRTIO_BLK_OK);
            if (user.request[i]->type == VIRTIO_BLK_IN) {
                const uint8_t *there = blk_device.disk + user.request[i]->sector * SECTOR;
                CHECK(!memcmp(user.request[i]->data, there, user.request[i]->len));
            }
            user_forget(user.request[i]);
        }
    }
}

/* Requests of all sizes, ended in any order, with interrupts now and then. */
static void make_traffic(uint64_t requests) {
    unsigned segments = user.blk.segments_max;
    while (user.done < requests) {
        for (unsigned i = random_below(20); i > 0; --i) {
            unsigned sectors = 1 + random_below(8);
            virtio_blk_submit_t why;
            user_submit(random_below(user.blk.queue_count), VIRTIO_BLK_IN, random_below(BLK_SECTORS_MAX - 8), NULL,
                sectors * SECTOR, 1 + random_below(segments < 2 * sectors ? segments : 2 * sectors), 0, &why);
        }
        unsigned queue = random_below(user.blk.queue_count);
        for (unsigned i = random_below(20); i > 0; --i) {
            blk_take(queue);
        }
        for (unsigned i = random_below(20); i > 0; --i) {
            uint16_t head = random_below(device.queue[queue].ring.size);
            if (blk_find_taken(queue, &head)) {
                blk_end(queue, head);
            }
        }
        if (random_below(2)) {
            device_signal(queue);
            machine_take_interrupts();
        }
        forget_all_done();
        if (user.submitted > USER_REQUESTS / 2) {
            for (unsigned i = 0; i < user.blk.queue_count; ++i) {
                device_signal(i);
            }
            blk_run(); // Nothing may be lost.
            CHECK_EQ(user.submitted, 0);
            forget_all_done();
        }
        machine.looks = 0;
    }
    for (unsigned i = 0; i < user.blk.queue_count; ++i) {
        device_signal(i);
    }
    blk_run();
    CHECK_EQ(user.submitted, 0);
}

/* More than 65536 on one queue: all indices of 16 bits wrap. */
TEST(indices_wrap_around) {
    for (unsigned event_idx = 0; event_idx < 2; ++event_idx) {
        blk_options_t options = blk_usual;
        options.queue_size = 16;
        options.features &= event_idx ? ~0ull : ~MODEL_F_EVENT_IDX;
        open_disk(&options);
        fill(blk_device.disk, sizeof(blk_device.disk), 3);
        make_traffic(70000);
        close_disk();
    }
}

TEST(requests_end_in_any_order_on_several_queues) {
    for (unsigned event_idx = 0; event_idx < 2; ++event_idx) {
        blk_options_t options = usual_of_qemu;
        options.queues = 4;
        options.queue_size = 64;
        options.features &= event_idx ? ~0ull : ~MODEL_F_EVENT_IDX;
        open_disk(&options);
        CHECK_EQ(user.blk.queue_count, 4);
        fill(blk_device.disk, sizeof(blk_device.disk), 4);
        make_traffic(20000);
        for (unsigned i = 0; i < 4; ++i) {
            CHECK(device.queue[i].ring.notifications > 100);
        }
        close_disk();
    }
}

TEST(queues_of_every_size) {
    for (unsigned size = 4; size <= RING_MODEL_SIZE_MAX; size *= 2) {
        for (unsigned i = 0; i < 4; ++i) {
            blk_options_t options = i & 1 ? usual_of_qemu : blk_usual;
            options.queue_size = size;
            options.seg_max = 0;
            options.features &= i & 2 ? ~0ull : ~MODEL_F_INDIRECT_DESC;
            open_disk(&options);
            unsigned is = size < 256 ? size : 256, most = i & 2 || is < 26 ? is - 2 : 24;
            CHECK_EQ(device.queue[0].ring.size, is);
            CHECK_EQ(user.blk.segments_max, most);
            use_disk(most);
            close_disk();
        }
    }
}

TEST(queues_that_are_too_short_are_refused) {
    for (unsigned size = 0; size < 4; ++size) {
        blk_options_t options = blk_usual;
        options.queue_size = size;
        start(&options);
        CHECK(user_open(1));
        CHECK_EQ(machine_end(), 0);
    }
}

TEST(a_queue_that_is_no_power_of_two_is_used_in_part) {
    blk_options_t options = usual_of_qemu;
    options.queue_size = 200;
    open_disk(&options);
    CHECK_EQ(device.queue[0].ring.size, 128);
    use_disk(100);
    close_disk();
}

static void open_and_use(const blk_options_t *options, unsigned segments, bool aliases) {
    machine_start();
    user = (user_t) { .apic_id = 0 };
    pci_model_start(segments, aliases);
    blk_make(options);
    pci_model_plug(&device.pci);
    CHECK_EQ((uintptr_t)user_open(1), 0);
    CHECK_EQ(pci_model_get(&device.pci, 4, 2), 6);
    use_disk(60);
    close_disk();
}

TEST(registers_are_found_near_and_far_by_ecam_and_by_ports) {
    for (unsigned i = 0; i < 8; ++i) {
        blk_options_t options = i & 1 ? usual_of_qemu : blk_usual;
        options.bar = i & 2 ? FAR_BAR : NEAR_BAR;
        open_and_use(&options, i & 4 ? 2 : 0, !(i & 1));
    }
}

TEST(an_apic_id_that_no_message_reaches_is_refused) {
    start(&blk_usual);
    user.apic_id = 256;
    CHECK(user_open(1));
    CHECK_EQ(machine_end(), 0);
}

TEST(interrupts_go_where_they_are_steered) {
    blk_options_t options = usual_of_qemu;
    options.queues = 3;
    open_disk(&options);
    uint8_t data[SECTOR];
    for (unsigned queue = 0; queue < 3; ++queue) {
        transfer(queue, VIRTIO_BLK_IN, 0, data, sizeof(data), 1);
        CHECK_EQ(machine.last_apic_id, 5 + queue);
    }
    user_steer(100);
    for (unsigned queue = 0; queue < 3; ++queue) {
        transfer(queue, VIRTIO_BLK_IN, 0, data, sizeof(data), 1);
        CHECK_EQ(machine.last_apic_id, 100 + queue);
    }
    // They stay where they can be reached.
    user_steer(1000);
    transfer(2, VIRTIO_BLK_IN, 0, data, sizeof(data), 1);
    CHECK_EQ(machine.last_apic_id, 102);
    close_disk();
}

static void end_request_of_queue_0(void) {
    uint16_t head = 0;
    blk_take(0);
    if (blk_find_taken(0, &head)) {
        blk_end(0, head);
        device_signal(0);
    }
}

TEST(an_interrupt_is_not_lost_while_it_is_steered) {
    open_disk(&blk_usual);
    user_request_t *request = user_submit(0, VIRTIO_BLK_IN, 0, NULL, SECTOR, 1, 0, NULL);
    machine.elsewhere = end_request_of_queue_0; // At the first register that is written.
    user_steer(7);
    machine.elsewhere = NULL;
    machine_take_interrupts();
    CHECK_EQ(request->state, USER_DONE);
    close_disk();
}

TEST(the_device_is_not_told_what_it_does_not_want_to_know) {
    open_disk(&blk_usual);
    for (unsigned i = 0; i < 30; ++i) {
        user_submit(0, VIRTIO_BLK_IN, 0, NULL, SECTOR, 1, 0, NULL);
    }
    CHECK_EQ(device.notifications, 1); // It is awake already.
    blk_run();
    CHECK_EQ(user.done, 30);
    close_disk();
}

TEST(the_device_does_not_interrupt_for_each_of_many) {
    open_disk(&blk_usual);
    for (unsigned i = 0; i < 30; ++i) {
        user_submit(0, VIRTIO_BLK_IN, 0, NULL, SECTOR, 1, 0, NULL);
    }
    uint16_t head = 0;
    while (blk_take(0)) {
    }
    while (blk_find_taken(0, &head)) {
        blk_end(0, head);
        device_signal(0); // Nobody takes it meanwhile: the second one is not wanted.
    }
    CHECK_EQ(device.interrupts, 1);
    machine_take_interrupts();
    CHECK_EQ(user.done, 30);
    close_disk();
}

TEST(stop_ends_all_requests_and_restart_begins_anew) {
    blk_options_t options = usual_of_qemu;
    options.queues = 3;
    open_disk(&options);
    for (unsigned round = 0; round < 3; ++round) {
        uint8_t data[SECTOR];
        CHECK_EQ(transfer(0, VIRTIO_BLK_IN, 0, data, sizeof(data), 1), VIRTIO_BLK_OK);
        user_request_t *requests[20];
        for (unsigned i = 0; i < 20; ++i) {
            requests[i] = user_submit(0, VIRTIO_BLK_IN, 0, NULL, SECTOR, 1 + i % 3, 0, NULL);
        }
        for (unsigned i = 0; i < 10; ++i) {
            blk_take(0);
        }
        uint16_t head = 5;
        CHECK(blk_find_taken(0, &head));
        blk_end(0, head); // Without an interrupt.
        uint32_t completions = user.blk.queues[0].completions;
        device.reset_looks = 10 * round;
        CHECK(virtio_blk_stop(&user.blk));
        CHECK_EQ(user.blk.queues[0].completions, completions + 20);
        for (unsigned i = 0; i < 20; ++i) {
            CHECK_EQ(requests[i]->state, USER_DONE);
            CHECK_EQ(requests[i]->blk.result, VIRTIO_BLK_GONE);
            user_forget(requests[i]);
        }
        virtio_blk_submit_t why;
        CHECK(!user_submit(0, VIRTIO_BLK_IN, 0, NULL, SECTOR, 1, 0, &why));
        CHECK_EQ(why, VIRTIO_BLK_STOPPED);
        device_interrupt(MODEL_QUEUE_VECTOR); // One that was late.
        machine_take_interrupts();
        CHECK_EQ((uintptr_t)virtio_blk_restart(&user.blk), 0);
        CHECK_EQ((uintptr_t)virtio_blk_problem(&user.blk), 0);
    }
    use_disk(60);
    close_disk();
}

static bool may_use(void) {
    return !machine.locks && !machine.in_interrupt && user.is_open;
}

/* Another CPU, that sends a request whenever it can. */
static unsigned sent, refused;

static void submit_from_elsewhere(void) {
    virtio_blk_submit_t why;
    if (may_use() && user.submitted < 20) {
        *(user_submit(0, VIRTIO_BLK_IN, 0, NULL, SECTOR, 1, 0, &why) ? &sent : &refused) += 1;
    }
}

TEST(who_submits_while_it_stops_and_starts_is_refused_or_served) {
    open_disk(&blk_usual);
    machine.elsewhere = submit_from_elsewhere;
    for (unsigned round = 0; round < 10; ++round) {
        device.reset_looks = round;
        CHECK(virtio_blk_stop(&user.blk));
        CHECK_EQ(user.submitted, 0);
        for (unsigned i = 0; i < USER_REQUESTS; ++i) {
            if (user.request[i] && user.request[i]->state == USER_DONE) {
                user_forget(user.request[i]);
            }
        }
        CHECK_EQ((uintptr_t)virtio_blk_restart(&user.blk), 0);
        blk_run();
    }
    CHECK(sent >= 10 && refused > 10);
    machine.elsewhere = NULL;
    blk_run();
    CHECK_EQ(user.submitted, 0);
    close_disk();
}
