/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Virtio block devices that are not as they should be: memory that is missing, resets that take long, devices that are
 * taken out, change, break, or tell one lie. */

#include "tests/host/unit.h"
#include "tests/host/virtio/blk_world.h"

static const char no_problem[] = "";

/* Opens it; what is wrong, in a test that says so. All is given back. */
static const char *refused(void) {
    const char *problem = user_open(8);
    if (!problem) {
        user_close();
    }
    CHECK_EQ(machine_end(), 0);
    device_end();
    return problem ? problem : no_problem;
}

TEST(memory_or_vectors_that_are_missing_are_said_and_all_is_given_back) {
    blk_options_t options = usual_of_qemu;
    options.queues = VIRTIO_MODEL_QUEUES; // So many that they take more than a page.
    unsigned refusals = 0;
    for (unsigned allocs = 0; allocs < VIRTIO_MODEL_QUEUES + 3; ++allocs) {
        start(&options);
        machine.allocs_left = allocs;
        const char *problem = user_open(VIRTIO_MODEL_QUEUES);
        refusals += problem != NULL;
        CHECK(problem || user_close());
        CHECK_EQ(machine_end(), 0);
    }
    CHECK_EQ(refusals, VIRTIO_MODEL_QUEUES + 1);
    refusals = 0;
    for (unsigned vectors = 0; vectors < VIRTIO_MODEL_QUEUES + 3; ++vectors) {
        start(&options);
        machine.vectors_left = vectors;
        const char *problem = user_open(VIRTIO_MODEL_QUEUES);
        refusals += problem != NULL;
        CHECK(problem || user_close());
        CHECK_EQ(machine_end(), 0);
    }
    CHECK_EQ(refusals, VIRTIO_MODEL_QUEUES + 1);
}

TEST(a_slow_reset_is_waited_for) {
    start(&blk_usual);
    device.reset_looks = 100;
    CHECK_EQ((uintptr_t)user_open(1), 0);
    user_request_t *request = user_submit(0, VIRTIO_BLK_IN, 0, NULL, SECTOR, 1, 0, NULL);
    device.reset_looks = 500;
    CHECK(virtio_blk_stop(&user.blk));
    CHECK(machine.now_ns < 1000000000);
    CHECK_EQ(request->blk.result, VIRTIO_BLK_GONE);
    close_disk();
}

TEST(a_reset_without_end_is_given_up_after_a_second_and_the_device_cut_off) {
    open_disk(&blk_usual);
    user_request_t *request = user_submit(0, VIRTIO_BLK_IN, 0, NULL, SECTOR, 1, 0, NULL);
    blk_take(0);
    device.reset_looks = -1;
    machine.look_ns = 100000;
    uint64_t begin = machine.now_ns;
    CHECK(!virtio_blk_stop(&user.blk));
    CHECK(machine.now_ns - begin >= 1000000000 && machine.now_ns - begin < 2000000000);
    CHECK_EQ(request->state, USER_DONE);
    CHECK_EQ(request->blk.result, VIRTIO_BLK_GONE);
    CHECK_EQ(pci_model_get(&device.pci, 4, 2) & 4, 0); // Bus master.
    CHECK(!user_close());
    // Its queue, and the page with all queues, are the device's for good.
    CHECK_EQ(machine_end(), 2);
    device_end();
}

TEST(a_device_that_does_not_reset_is_not_opened) {
    start(&blk_usual);
    device.reset_looks = -1;
    machine.look_ns = 100000;
    CHECK_TEXT(refused(), "it does not reset");
}

TEST(a_device_that_is_taken_out_reads_as_ones_and_is_let_go_of) {
    open_disk(&usual_of_qemu);
    user_request_t *request = user_submit(0, VIRTIO_BLK_IN, 0, NULL, SECTOR, 1, 0, NULL);
    device_take_out();
    machine.look_ns = 100000;
    CHECK(virtio_needs_reset(&user.blk.virtio));
    CHECK(!virtio_blk_stop(&user.blk));
    CHECK_EQ(request->blk.result, VIRTIO_BLK_GONE);
    virtio_blk_submit_t why;
    CHECK(!user_submit(0, VIRTIO_BLK_IN, 0, NULL, SECTOR, 1, 0, &why));
    CHECK_EQ(why, VIRTIO_BLK_STOPPED);
    CHECK(!user_close());
    CHECK_EQ(machine_end(), 2);
}

TEST(a_device_that_was_taken_out_is_not_opened) {
    start(&blk_usual);
    device_take_out();
    CHECK_TEXT(refused(), "it is not there");
}

TEST(a_device_without_virtio_1_is_refused) {
    blk_options_t options = blk_usual;
    options.features &= ~MODEL_F_VERSION_1;
    start(&options);
    CHECK_TEXT(refused(), "it is no device of virtio 1");
}

/* Two halves of one number. */
static void grow(void) {
    blk_set_capacity(device.config[0] ? 0x100000000 : 0xffffffff);
    device_config_change();
}

static unsigned points;

static void grow_at_some_point(void) {
    if (++points % 3 == 0 && points < 20) {
        grow();
    }
}

TEST(a_capacity_that_changes_while_it_is_read_is_read_again) {
    for (unsigned rules = 0; rules < 2; ++rules) {
        open_disk(rules ? &usual_of_qemu : &blk_usual);
        for (points = 0; points < 3; ) {
            unsigned begin = points;
            machine.elsewhere = grow_at_some_point;
            CHECK(virtio_blk_read_capacity(&user.blk));
            machine.elsewhere = NULL;
            CHECK(user.blk.sectors == BLK_SECTORS_MAX || user.blk.sectors == 0xffffffff || user.blk.sectors == 0x100000000);
            points = begin + 1;
        }
        close_disk();
    }
}

TEST(a_configuration_that_never_rests_is_none) {
    open_disk(&usual_of_qemu);
    uint64_t before = user.blk.sectors;
    machine.elsewhere = grow;
    CHECK(!virtio_blk_read_capacity(&user.blk));
    machine.elsewhere = NULL;
    CHECK_EQ(user.blk.sectors, before);
    close_disk();
}

TEST(what_changed_is_told_and_read) {
    open_disk(&blk_usual);
    unsigned before = user.changes;
    blk_set_capacity(500);
    device_config_change();
    machine_take_interrupts();
    CHECK_EQ(user.changes, before + 1);
    CHECK(virtio_blk_read_capacity(&user.blk));
    CHECK_EQ(user.blk.sectors, 500);
    blk_set_capacity(1ull << 54);
    CHECK(!virtio_blk_read_capacity(&user.blk));
    blk_set_capacity((1ull << 54) - 1);
    CHECK(virtio_blk_read_capacity(&user.blk));
    close_disk();
}

TEST(a_device_that_needs_a_reset_says_so) {
    open_disk(&blk_usual);
    CHECK(!virtio_needs_reset(&user.blk.virtio));
    device_needs_reset();
    machine_take_interrupts();
    CHECK_EQ(user.changes, 1);
    CHECK(virtio_needs_reset(&user.blk.virtio));
    CHECK(virtio_blk_stop(&user.blk));
    CHECK_EQ((uintptr_t)virtio_blk_restart(&user.blk), 0);
    CHECK(!virtio_needs_reset(&user.blk.virtio));
    uint8_t data[SECTOR];
    CHECK_EQ(transfer(0, VIRTIO_BLK_IN, 0, data, sizeof(data), 1), VIRTIO_BLK_OK);
    close_disk();
}

TEST(blocks_of_impossible_sizes_are_refused) {
    static const uint32_t sizes[] = { 0, 1, 256, 513, 768, 0x18000, 0x20000, 0x80000000, 0xffffffff };
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); ++i) {
        blk_options_t options = blk_usual;
        options.block_size = sizes[i];
        start(&options);
        CHECK_TEXT(refused(), "its blocks have no possible size");
    }
    blk_options_t options = blk_usual;
    options.block_size = 0x10000;
    start(&options);
    CHECK_TEXT(refused(), no_problem);
}

/* Who uses the disk divides by the size of its blocks meanwhile. */
TEST(blocks_have_the_same_size_after_a_restart) {
    static const uint32_t sizes[] = { 0, 4096, 513 };
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); ++i) {
        open_disk(&blk_usual);
        CHECK(virtio_blk_stop(&user.blk));
        memcpy(device.config + 20, &sizes[i], sizeof(sizes[i]));
        CHECK(virtio_blk_restart(&user.blk));
        CHECK_EQ(user.blk.block_size, 512);
        CHECK_EQ(device.status, 0); // It is stopped.
        close_disk();
    }
}

/* Lies in the used ring. */

static ring_model_t *ring_with_three(user_request_t *requests[3]) {
    open_disk(&blk_usual);
    for (unsigned i = 0; i < 3; ++i) {
        requests[i] = user_submit(0, i ? VIRTIO_BLK_IN : VIRTIO_BLK_FLUSH, 0, NULL, i * SECTOR, i, 0, NULL);
        blk_take(0);
    }
    return &device.queue[0].ring;
}

/* The queue has stopped, says so once, and goes on after a restart. */
static void check_stopped(user_request_t *requests[3], unsigned done) {
    device_interrupt(MODEL_QUEUE_VECTOR);
    machine_take_interrupts();
    CHECK(virtio_blk_problem(&user.blk));
    CHECK_EQ(user.changes, 1);
    device_interrupt(MODEL_QUEUE_VECTOR);
    machine_take_interrupts();
    CHECK_EQ(user.changes, 1);
    CHECK_EQ(user.done, done);
    virtio_blk_submit_t why;
    CHECK(!user_submit(0, VIRTIO_BLK_IN, 0, NULL, SECTOR, 1, 0, &why));
    CHECK_EQ(why, VIRTIO_BLK_STOPPED);
    CHECK(virtio_blk_stop(&user.blk));
    CHECK_EQ(user.done, 3);
    for (unsigned i = 0; i < 3; ++i) {
        CHECK(requests[i]->state == USER_DONE);
    }
    CHECK_EQ((uintptr_t)virtio_blk_restart(&user.blk), 0);
    CHECK(!virtio_blk_problem(&user.blk));
    uint8_t data[SECTOR];
    CHECK_EQ(transfer(0, VIRTIO_BLK_IN, 0, data, sizeof(data), 1), VIRTIO_BLK_OK);
    close_disk();
}

TEST(an_id_beyond_the_queue_stops_it) {
    static const uint32_t ids[] = { 128, 0x10000, 0x80000000, 0xffffffff };
    for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); ++i) {
        user_request_t *requests[3];
        ring_push(ring_with_three(requests), ids[i], 1);
        check_stopped(requests, 0);
    }
}

TEST(an_id_that_heads_no_chain_stops_it) {
    user_request_t *requests[3];
    // Descriptors 0 and 1 are the first request's, 2 to 4 the second's.
    ring_push(ring_with_three(requests), 3, 1);
    check_stopped(requests, 0);
    ring_push(ring_with_three(requests), 100, 1);
    check_stopped(requests, 0);
}

TEST(a_request_that_comes_back_twice_stops_it) {
    user_request_t *requests[3];
    ring_model_t *ring = ring_with_three(requests);
    ring_return(ring, 0, 1);
    ring_push(ring, 0, 1);
    check_stopped(requests, 1);
}

/* Cloud Hypervisor before v52 says for a write how much it has read. What counts is the status. */
TEST(more_than_was_asked_for_is_no_lie_of_a_disk) {
    static const uint32_t lens[] = { 2, SECTOR + 2, 0xffffffff };
    for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); ++i) {
        user_request_t *requests[3];
        ring_push(ring_with_three(requests), i ? 2 : 0, lens[i]);
        device_interrupt(MODEL_QUEUE_VECTOR);
        machine_take_interrupts();
        CHECK(!virtio_blk_problem(&user.blk));
        CHECK_EQ(user.done, 1);
        CHECK_EQ(requests[i ? 1 : 0]->blk.result, VIRTIO_BLK_ERROR);
        CHECK(virtio_blk_stop(&user.blk));
        close_disk();
    }
}

TEST(an_index_that_leaps_or_goes_back_stops_it) {
    static const uint16_t leaps[] = { 4, 128, 0x7fff, 0x8000, 0xffff };
    for (unsigned i = 0; i < sizeof(leaps) / sizeof(leaps[0]); ++i) {
        user_request_t *requests[3];
        ring_model_t *ring = ring_with_three(requests);
        ring->used[1] = leaps[i];
        check_stopped(requests, 0);
    }
}

TEST(an_interrupt_without_a_reason_is_nothing) {
    user_request_t *requests[3];
    ring_with_three(requests);
    for (unsigned vector = 0; vector < 2; ++vector) {
        device_interrupt(vector);
        machine_take_interrupts();
    }
    CHECK(!virtio_blk_problem(&user.blk));
    blk_run();
    CHECK_EQ(user.done, 3);
    close_disk();
}

static void interrupt(void) {
    device_interrupt(MODEL_CONFIG_VECTOR);
    device_interrupt(MODEL_QUEUE_VECTOR);
}

/* Some are on their way when they are masked. */
TEST(interrupts_that_come_while_they_are_disconnected_are_nothing) {
    open_disk(&blk_usual);
    CHECK(virtio_blk_stop(&user.blk));
    machine.elsewhere = interrupt;
    virtio_blk_disconnect(&user.blk);
    machine.elsewhere = NULL;
    unsigned changes = user.changes;
    machine_take_interrupts();
    CHECK_EQ(user.changes, changes);
    close_disk();
}

/* Until it is started the device interrupts whenever it can, with a used ring that is full of lies. */
static void interrupt_until_live(void) {
    uint16_t *used = (uint16_t *)machine_memory(device.queue[0].ring.used_paddr, 4);
    if (device.live) {
        return;
    }
    if (used) {
        used[1] = 100;
    }
    interrupt();
    machine_take_interrupts();
    if (used) {
        used[1] = 0;
    }
}

TEST(interrupts_that_come_before_the_queue_is_live_are_nothing) {
    start(&blk_usual);
    machine.lies = true;
    uint8_t data[SECTOR];
    for (unsigned round = 0; round < 3; ++round) {
        machine.elsewhere = interrupt_until_live;
        machine.interrupts = 0;
        const char *problem = round ? virtio_blk_restart(&user.blk) : user_open(1);
        CHECK(!problem);
        CHECK(machine.interrupts > 10);
        machine.elsewhere = NULL;
        CHECK_EQ(transfer(0, VIRTIO_BLK_IN, 0, data, sizeof(data), 1), VIRTIO_BLK_OK);
        CHECK(virtio_blk_stop(&user.blk));
    }
    close_disk();
}
