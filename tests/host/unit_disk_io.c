/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Threads that use a disk: what becomes of their buffers; and that each of them is told some time, whatever the disk does
 * with its requests. */

#include "tests/host/disk_io_world.h"
#include "tests/host/unit.h"

#define TIMEOUT "30"
#define TIMEOUT_NS (30 * S)
#define LOST_AFTER (4 * TIMEOUT_NS)

static int results[IO_THREADS];
static uint64_t took_ns[IO_THREADS];

static uint64_t is_lost_from, is_lost_to; /* Sectors: requests that begin there are lost. */
static int lost_queue;                    /* -1: of any queue. */

static bool is_lost(unsigned queue, uint16_t head) {
    uint64_t sector = io_sector(queue, head);
    return sector >= is_lost_from && sector < is_lost_to && (lost_queue < 0 || queue == (unsigned)lost_queue);
}

/* Ends one request that is not lost. False: there is none. */
static bool end_one(void) {
    io_take_all();
    for (unsigned queue = 0; queue < device.queue_count; ++queue) {
        const ring_model_t *ring = &device.queue[queue].ring;
        for (unsigned head = 0; ring->live && head < ring->size; ++head) {
            if (ring->chain[head].pieces && ring->chain[head].taken && !is_lost(queue, head)) {
                blk_end(queue, head);
                device_signal(queue);
                return true;
            }
        }
    }
    return false;
}

static void end_all_but_lost(void) {
    while (end_one()) {
    }
}

static void end_some(void) {
    for (unsigned i = random_below(8); i; --i) {
        end_one();
    }
}

static void lose(uint64_t from, uint64_t to) {
    is_lost_from = from;
    is_lost_to = to;
    lost_queue = -1;
    io.step = end_all_but_lost;
}

static int transfer_at(virtio_blk_type_t type, uint64_t at, size_t len) {
    uint8_t *buffer = io_buffer(len);
    int error = disk_transfer(io.disk, type, at, buffer, len);
    io_free(buffer);
    return error;
}

static int timed(unsigned index, int (*fn)(void)) {
    uint64_t begin = machine.now_ns;
    results[index] = fn();
    took_ns[index] = machine.now_ns - begin;
    return results[index];
}

static void works(unsigned index) {
    (void)index;
    uint8_t *out = io_buffer(IO_PAGE), *in = io_buffer(IO_PAGE);
    fill(out, IO_PAGE, 7);
    CHECK_EQ(disk_transfer(io.disk, VIRTIO_BLK_OUT, 400 * SECTOR, out, IO_PAGE), 0);
    CHECK_EQ(disk_transfer(io.disk, VIRTIO_BLK_IN, 400 * SECTOR, in, IO_PAGE), 0);
    CHECK(memcmp(in, out, IO_PAGE) == 0);
    io_free(out);
    io_free(in);
}

/* It was reset so often, and works afterwards. */
static void end_after_resets(unsigned resets, const char *said) {
    CHECK_TEXT(io.said, said);
    CHECK_EQ(device.resets, resets);
    io.step = blk_run;
    io_threads(1, works);
    io_end();
}

/* What is read is what was written, wherever in a page the buffer begins. */
static void write_and_read_all(unsigned index) {
    size_t size = BLK_SECTORS_MAX * SECTOR, offset = index * SECTOR;
    uint8_t *out = io_buffer(size + offset), *in = io_buffer(size + offset);
    fill(out + offset, size, index);
    CHECK_EQ(disk_transfer(io.disk, VIRTIO_BLK_OUT, 0, out + offset, size), 0);
    CHECK(memcmp(blk_device.disk, out + offset, size) == 0);
    CHECK_EQ(disk_transfer(io.disk, VIRTIO_BLK_IN, 0, in + offset, size), 0);
    CHECK(memcmp(in + offset, out + offset, size) == 0);
    io_free(out);
    io_free(in);
}

static void write_and_read_all_unaligned(unsigned index) {
    write_and_read_all(index + 3);
}

/* `requests`: of 128 pages that lie apart. */
static void check_requests(const blk_options_t *options, unsigned requests) {
    io_start(options, TIMEOUT);
    unsigned before = blk_device.requests;
    io_threads(1, write_and_read_all);
    CHECK_EQ(blk_device.requests - before, 2 * requests);
    io_threads(1, write_and_read_all_unaligned);
    io_end();
}

TEST(a_transfer_is_as_few_requests_as_the_device_and_the_queue_allow) {
    blk_options_t options = usual_of_qemu;
    check_requests(&options, 1); // 254 segments.
    options.features &= ~MODEL_F_INDIRECT_DESC;
    check_requests(&options, 6); // 24.
    options = blk_usual;
    check_requests(&options, 2); // 126.
    options.queue_size = 16;
    check_requests(&options, 10); // 14.
    options.seg_max = 1;
    check_requests(&options, 128);
}

/* The device checks that. */
TEST(no_segment_is_longer_than_the_device_allows) {
    static const uint32_t limits[] = { 512, 1000, 4095, 4096, 5000 };
    for (unsigned i = 0; i < sizeof(limits) / sizeof(limits[0]); ++i) {
        blk_options_t options = blk_usual;
        options.features |= BLK_F_SIZE_MAX;
        options.size_max = limits[i];
        options.block_size = 4096;
        io_start(&options, TIMEOUT);
        io_threads(1, write_and_read_all);
        io_threads(1, write_and_read_all_unaligned);
        io_end();
    }
}

/* Nobody waits for ever for so much room as he wants. */
static void transfer_some(unsigned index) {
    for (unsigned i = 0; i < 20; ++i) {
        size_t pages = index % 4 ? 1 : 1 + random_below(128);
        CHECK_EQ(transfer_at(i & 1 ? VIRTIO_BLK_OUT : VIRTIO_BLK_IN, 0, pages * IO_PAGE), 0);
    }
}

TEST(long_and_short_transfers_of_many_threads_end) {
    for (unsigned i = 0; i < 8; ++i) {
        blk_options_t options = i & 1 ? blk_usual : usual_of_qemu;
        options.queue_size = i & 2 ? options.queue_size : 32;
        options.features &= i & 4 ? ~0ull : ~MODEL_F_INDIRECT_DESC;
        io_start(&options, TIMEOUT);
        io.step = end_some;
        io_threads(IO_THREADS, transfer_some);
        io.step = blk_run;
        io_end();
    }
}

#define SAID_LOST "disk0: the device has lost a request, and is reset\n"
#define SAID_SILENT "disk0: the device does not answer, and is reset\n"

static unsigned resets_at_start;

static void start_with(const blk_options_t *options) {
    io_start(options, TIMEOUT);
    resets_at_start = device.resets;
    io.step_ns = 100 * MS;
}

static void start_usual(void) {
    start_with(&blk_usual);
}

static int read_lost_sectors(void) {
    return transfer_at(VIRTIO_BLK_IN, 8 * SECTOR, IO_PAGE);
}

/* For so long as a thread of the first ones waits. */
static unsigned busy;

static void others_read(unsigned index) {
    while (busy) {
        results[index] = transfer_at(VIRTIO_BLK_IN, 100 * SECTOR, IO_PAGE);
        if (results[index]) {
            break; // At the reset.
        }
    }
}

static void first_loses(unsigned index) {
    if (index) {
        others_read(index);
    } else {
        timed(index, read_lost_sectors);
        busy = 0;
    }
}

TEST(a_request_that_is_lost_while_others_are_answered_times_out) {
    start_usual();
    lose(8, 16);
    busy = 1;
    io_threads(3, first_loses);
    CHECK_EQ(results[0], DISK_ETIMEDOUT);
    CHECK(took_ns[0] >= LOST_AFTER && took_ns[0] <= LOST_AFTER + 2 * TIMEOUT_NS);
    CHECK(results[1] == 0 || results[1] == DISK_ETIMEDOUT);
    end_after_resets(resets_at_start + 1, SAID_LOST);
}

static int flush(void) {
    return disk_command(io.disk, VIRTIO_BLK_FLUSH, 0, 0);
}

static void flush_is_lost(unsigned index) {
    if (index) {
        others_read(index);
    } else {
        timed(index, flush);
        busy = 0;
    }
}

TEST(a_flush_that_is_lost_times_out) {
    start_usual();
    lose(0, 1);
    busy = 1;
    io_threads(2, flush_is_lost);
    CHECK_EQ(results[0], DISK_ETIMEDOUT);
    end_after_resets(resets_at_start + 1, SAID_LOST);
}

static int read_a_lot(void) {
    return transfer_at(VIRTIO_BLK_IN, 0, 256 * 1024);
}

static void one_of_many_is_lost(unsigned index) {
    if (index) {
        others_read(index);
    } else {
        timed(index, read_a_lot);
        busy = 0;
    }
}

/* The first one, one of the middle, the last one. */
TEST(of_many_requests_of_a_transfer_one_is_lost) {
    static const unsigned lost[] = { 0, 256, 480 };
    blk_options_t options = blk_usual;
    options.seg_max = 4;
    for (unsigned i = 0; i < sizeof(lost) / sizeof(lost[0]); ++i) {
        start_with(&options);
        lose(lost[i], lost[i] + 1);
        busy = 1;
        io_threads(2, one_of_many_is_lost);
        CHECK_EQ(results[0], DISK_ETIMEDOUT);
        end_after_resets(resets_at_start + 1, SAID_LOST);
    }
}

/* Whom one reset has told needs no other. */
static void all_lose(unsigned index) {
    if (index >= 6) {
        others_read(index);
    } else {
        timed(index, read_lost_sectors);
        busy = 0;
    }
}

TEST(all_whose_requests_are_lost_are_told_by_one_reset) {
    start_usual();
    lose(8, 16);
    busy = 1;
    io_threads(8, all_lose);
    for (unsigned i = 0; i < 6; ++i) {
        CHECK_EQ(results[i], DISK_ETIMEDOUT);
        CHECK(took_ns[i] <= LOST_AFTER + 2 * TIMEOUT_NS);
    }
    end_after_resets(resets_at_start + 1, SAID_LOST);
}

/* Where others hardly ever ask for something, the device is not silent either. */
static void others_read_seldom(unsigned index) {
    static const uint32_t never;
    while (busy) {
        transfer_at(VIRTIO_BLK_IN, 100 * SECTOR, IO_PAGE);
        wait_on(&never, 0, machine.now_ns + 25 * S);
    }
    (void)index;
}

static void first_loses_others_seldom(unsigned index) {
    if (index) {
        others_read_seldom(index);
    } else {
        timed(index, read_lost_sectors);
        busy = 0;
    }
}

TEST(a_request_is_lost_to_a_device_that_is_hardly_used) {
    start_usual();
    lose(8, 16);
    busy = 1;
    io_threads(2, first_loses_others_seldom);
    CHECK_EQ(results[0], DISK_ETIMEDOUT);
    CHECK(took_ns[0] <= 12 * TIMEOUT_NS);
    end_after_resets(resets_at_start + 1, SAID_LOST);
}

TEST(a_device_that_answers_nothing_is_reset_sooner) {
    start_usual();
    lose(0, UINT64_MAX);
    busy = 1;
    io_threads(3, first_loses);
    for (unsigned i = 0; i < 3; ++i) {
        CHECK_EQ(results[i], DISK_ETIMEDOUT);
    }
    CHECK(took_ns[0] >= TIMEOUT_NS && took_ns[0] < 2 * TIMEOUT_NS);
    end_after_resets(resets_at_start + 1, SAID_SILENT);
}

static void end_without_an_interrupt(void) {
    io_take_all();
    uint16_t head = 0;
    while (blk_find_taken(0, &head)) {
        blk_end(0, head);
    }
}

static void one_reads(unsigned index) {
    timed(index, read_lost_sectors);
}

static void check_that_a_second_was_lost(void) {
    CHECK_EQ(results[0], 0);
    CHECK(took_ns[0] >= S && took_ns[0] < 2 * S);
    end_after_resets(resets_at_start, "");
}

TEST(an_interrupt_that_is_lost_costs_a_second) {
    start_usual();
    io.step = end_without_an_interrupt;
    io_threads(1, one_reads);
    check_that_a_second_was_lost();
}

static bool was_told;

static void miss_the_first_notification(void) {
    if (!was_told) {
        was_told = device.queue[0].ring.awake;
        device.queue[0].ring.awake = false;
    }
    blk_run();
}

TEST(a_notification_that_is_lost_costs_a_second) {
    start_usual();
    io.step = miss_the_first_notification;
    io_threads(1, one_reads);
    check_that_a_second_was_lost();
}

/* Requests in the order in which they came, one in 25 s. */
static uint16_t oldest;

static void end_the_oldest(void) {
    io_take_all();
    if (blk_find_taken(0, &oldest)) {
        blk_end(0, oldest);
        device_signal(0);
    }
}

static void many_wait(unsigned index) {
    results[index] = transfer_at(VIRTIO_BLK_IN, index * 8 * SECTOR, IO_PAGE);
}

TEST(a_slow_device_with_a_full_queue_is_not_reset) {
    start_usual();
    io.step = end_the_oldest;
    io.step_ns = 25 * S;
    io_threads(IO_THREADS, many_wait);
    for (unsigned i = 0; i < IO_THREADS; ++i) {
        CHECK_EQ(results[i], 0);
    }
    end_after_resets(resets_at_start, "");
}

static void two_wait_for_room(unsigned index) {
    results[index] = index < 2 ? read_a_lot() : transfer_at(VIRTIO_BLK_IN, 600 * SECTOR, IO_PAGE);
}

TEST(one_that_waits_for_room_in_a_slow_queue_is_no_reason_for_a_reset) {
    blk_options_t options = blk_usual;
    options.features &= ~MODEL_F_INDIRECT_DESC;
    start_with(&options);
    io.step = end_the_oldest;
    io.step_ns = 25 * S;
    io_threads(6, two_wait_for_room);
    for (unsigned i = 0; i < 6; ++i) {
        CHECK_EQ(results[i], 0);
    }
    end_after_resets(resets_at_start, "");
}

static int read_all(void) {
    return transfer_at(VIRTIO_BLK_IN, 0, BLK_SECTORS_MAX * SECTOR);
}

static void read_it(unsigned index) {
    results[index] = read_all();
}

/* As many of it are pending each time that its thread looks. */
TEST(a_long_transfer_through_a_short_queue_is_not_lost) {
    blk_options_t options = blk_usual;
    options.seg_max = 1;
    options.queue_size = 16;
    start_with(&options);
    io.step = end_the_oldest;
    io.step_ns = 25 * S;
    io_threads(1, read_it);
    CHECK_EQ(results[0], 0);
    end_after_resets(resets_at_start, "");
}

static void first_queue_is_lost(unsigned index) {
    if (index) {
        others_read(index);
    } else {
        timed(index, read_all);
        busy = 0;
    }
}

/* Its thread waits for room among what it has lost itself, while other queues go on. */
TEST(a_queue_that_is_lost_with_all_that_is_in_it_times_out) {
    blk_options_t options = usual_of_qemu;
    options.queues = IO_CPUS;
    options.queue_size = 16;
    options.features &= ~MODEL_F_INDIRECT_DESC;
    start_with(&options);
    CHECK_EQ(io.disk->blk.queue_count, IO_CPUS);
    lose(0, UINT64_MAX);
    lost_queue = 0;
    busy = 1;
    io_threads(3, first_queue_is_lost);
    CHECK_EQ(results[0], DISK_ETIMEDOUT);
    CHECK(took_ns[0] >= LOST_AFTER && took_ns[0] <= LOST_AFTER + 2 * TIMEOUT_NS);
    end_after_resets(resets_at_start + 1, SAID_LOST);
}

TEST(a_device_that_does_not_reset_ends_what_it_has_lost_too) {
    start_usual();
    lose(8, 16);
    device.reset_looks = -1;
    machine.look_ns = 10 * MS;
    busy = 1;
    io_threads(3, first_loses);
    CHECK_EQ(results[0], DISK_ETIMEDOUT);
    CHECK(!disk_is_there(io.disk));
    CHECK_TEXT(io.said, SAID_LOST "disk0: it is not used any more: it does not reset\n");
    io_threads(1, io_close);
    CHECK_EQ(io.pieces, 0);
    machine_end();
    device_end();
}

TEST(a_day_is_the_longest_timeout) {
    io_start(&blk_usual, "86400");
    resets_at_start = device.resets;
    io.step_ns = 100 * S;
    lose(8, 16);
    busy = 1;
    io_threads(2, first_loses);
    CHECK_EQ(results[0], DISK_ETIMEDOUT);
    CHECK(took_ns[0] >= 4 * 86400 * S && took_ns[0] <= 6 * 86400 * S);
    end_after_resets(resets_at_start + 1, SAID_LOST);
}
