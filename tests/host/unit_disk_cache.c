/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#define WORLD_RAM (64ull << 20) /* So much that the cache has 16 buffers in a way. */

#include "kernel/disk_cache.h"
#include "kernel/disk_io.h"

#include "tests/host/memory_world.h"
#include "tests/host/unit.h"

/* The disk below: a request may be done at any moment until it is waited for. */

#define KIB 1024
#define MIB (1024 * KIB)
#define SECTOR VIRTIO_BLK_SECTOR
#define DISK_SIZE (3 * MIB)

/* The part begins and ends within a buffer. Outside of it nothing is touched. */
#define PART_START (16 * KIB + 3 * 4096)
#define PART_SIZE (DISK_SIZE - PART_START - 5 * 4096)

#define REQUESTS_MAX 512

typedef struct _request_t {
    virtio_blk_type_t type;
    uint64_t at;
    uint8_t *data, *copy; /* `copy`: what is written, as it was when it was sent. */
    size_t len;
    bool is_done;
} request_t;

struct _disk_transfer_t {
    request_t requests[REQUESTS_MAX];
    unsigned count;
    int error;
};

static struct {
    uint8_t bytes[DISK_SIZE];
    uint8_t expected[DISK_SIZE];       /* What was written last. */
    bool is_late[DISK_SIZE / SECTOR];  /* `bytes` is not `expected` yet. */
    unsigned late;
    int bad_sector;                    /* -1: none. */
    bool writes_fail;
    unsigned reads, writes, commands;  /* Requests. */
    unsigned writing;                  /* Transfers that are under way. */
    uint64_t written_to;
} model;

static disk_t disk = { .blk = { .block_size = SECTOR } };
static disk_part_t part = { .disk = &disk, .start = PART_START, .size = PART_SIZE };
static disk_cache_t *cache;

uint64_t disk_part_size(const disk_part_t *of) {
    return of->size;
}

bool mutex_lock_until(mutex_t *mutex, uint64_t deadline_ns) {
    CHECK(!mutex->state && deadline_ns == WAIT_FOREVER);
    mutex->state = 1;
    return true;
}

void mutex_unlock(mutex_t *mutex) {
    CHECK(mutex->state);
    mutex->state = 0;
}

static void see_whether_late(unsigned sector) {
    bool is_late = memcmp(model.bytes + sector * SECTOR, model.expected + sector * SECTOR, SECTOR);
    model.late += is_late - model.is_late[sector];
    model.is_late[sector] = is_late;
}

static bool fails(const request_t *request) {
    uint64_t bad = (uint64_t)model.bad_sector * SECTOR;
    bool has_bad = model.bad_sector >= 0 && request->at <= bad && bad < request->at + request->len;
    return has_bad || (request->type == VIRTIO_BLK_OUT && model.writes_fail);
}

static void finish(disk_transfer_t *transfer, request_t *request) {
    if (request->is_done) {
        return;
    }
    request->is_done = true;
    size_t len = request->len;
    if (fails(request)) { // Some of it may be done.
        transfer->error = DISK_EIO;
        len = world_random() % (len / SECTOR) * SECTOR;
    }
    if (request->type == VIRTIO_BLK_IN) {
        memcpy(request->data, model.bytes + request->at, len);
    } else {
        CHECK(!memcmp(request->data, request->copy, request->len)); // It was not to be changed.
        memcpy(model.bytes + request->at, request->data, len);
        for (unsigned i = 0; i < len / SECTOR; ++i) {
            see_whether_late(request->at / SECTOR + i);
        }
    }
    free(request->copy);
}

disk_transfer_t *disk_begin(disk_t *of) {
    CHECK(of == &disk);
    return calloc(1, sizeof(disk_transfer_t));
}

void disk_add(disk_transfer_t *transfer, virtio_blk_type_t type, uint64_t at, void *buffer, size_t len) {
    CHECK(len && at % disk.blk.block_size == 0 && len % disk.blk.block_size == 0);
    CHECK(at >= PART_START && at + len <= PART_START + PART_SIZE);
    CHECK(transfer->count < REQUESTS_MAX);
    request_t *request = &transfer->requests[transfer->count++];
    *request = (request_t) { .type = type, .at = at, .data = buffer, .len = len };
    if (type == VIRTIO_BLK_OUT) {
        // Only what follows each other is under way at the same time.
        CHECK(!model.writing || model.written_to == at);
        model.written_to = at + len;
        model.writing += transfer->count == 1;
        request->copy = malloc(len);
        memcpy(request->copy, buffer, len);
        ++model.writes;
    } else {
        memset(buffer, 0xee, len);
        ++model.reads;
    }
    finish(transfer, &transfer->requests[world_random() % transfer->count]);
}

int disk_end(disk_transfer_t *transfer) {
    for (unsigned i = 0; i < transfer->count; ++i) {
        finish(transfer, &transfer->requests[i]);
    }
    int error = transfer->error;
    model.writing -= transfer->count && transfer->requests[0].type == VIRTIO_BLK_OUT;
    free(transfer);
    return error;
}

int disk_transfer(disk_t *of, virtio_blk_type_t type, uint64_t at, void *buffer, size_t len) {
    disk_transfer_t *transfer = disk_begin(of);
    disk_add(transfer, type, at, buffer, len);
    return disk_end(transfer);
}

int disk_command(disk_t *of, virtio_blk_type_t type, uint64_t at, uint64_t len) {
    CHECK(of == &disk && type == VIRTIO_BLK_WRITE_ZEROES && !model.late);
    memset(model.bytes + at, 0, len);
    ++model.commands;
    return 0;
}

/* And its user. */

static uint8_t data[DISK_SIZE];

static void start(uint32_t seed, uint32_t block_size) {
    world_start();
    memory_start();
    world_seed = seed;
    memset(&model, 0, sizeof(model));
    model.bad_sector = -1;
    for (unsigned i = 0; i < DISK_SIZE; ++i) {
        model.bytes[i] = model.expected[i] = i * 7 + i / 509;
    }
    disk.blk.block_size = block_size;
    cache = disk_cache_new(&part);
    CHECK(cache);
    disk_cache_open(cache);
}

static void stop(void) {
    disk_cache_free(cache);
    check_all_memory_is_free();
}

static void check_read(uint64_t at, size_t len) {
    CHECK_EQ(disk_cache_read(cache, at, data, len), 0);
    CHECK(!memcmp(data, model.expected + at, len));
}

/* Also where it fails, the disk may have some of it. */
static int try_write(uint64_t at, size_t len) {
    static uint64_t end;
    for (size_t i = 0; i < len; ++i) {
        data[i] = world_random();
    }
    unsigned late_before = model.late;
    int error = disk_cache_write(cache, at, data, len);
    if (!error) {
        CHECK(at == end || !late_before || model.late <= len / SECTOR); // What came before is on the disk.
        memcpy(model.expected + at, data, len);
        for (unsigned i = 0; i < len / SECTOR; ++i) {
            see_whether_late(at / SECTOR + i);
        }
        end = at + len;
    }
    return error;
}

static void write_some(uint64_t at, size_t len) {
    CHECK_EQ(try_write(at, len), 0);
}

static void check_settled(void) {
    CHECK_EQ(disk_cache_settle(cache), 0);
    CHECK(!memcmp(model.bytes, model.expected, DISK_SIZE));
}

/* Somewhere, or where it went on before. */
static uint64_t random_range(size_t *len) {
    static uint64_t next;
    uint32_t block = disk.blk.block_size, blocks = PART_SIZE / block;
    size_t most = world_random() % 8 ? 20 * KIB / block : 600 * KIB / block;
    size_t count = 1 + world_random() % most;
    uint64_t first = world_random() % 4 && next < blocks ? next : world_random() % blocks;
    count = count < blocks - first ? count : blocks - first;
    next = first + count;
    *len = count * block;
    return PART_START + first * block;
}

static void zero(uint64_t at, size_t len) {
    CHECK_EQ(disk_cache_command(cache, VIRTIO_BLK_WRITE_ZEROES, at, len), 0);
    memset(model.expected + at, 0, len);
}

static void do_anything(unsigned steps) {
    for (unsigned step = 0; step < steps; ++step) {
        size_t len;
        uint64_t at = random_range(&len);
        switch (world_random() % 32) {
            case 0:
                check_settled();
                break;
            case 1:
                zero(at, len);
                break;
            case 2 ... 16:
                check_read(at, len);
                break;
            default:
                write_some(at, len);
        }
    }
    check_settled();
}

TEST(what_is_read_is_what_was_written_last_and_what_is_settled_is_on_the_disk) {
    start(1, SECTOR);
    do_anything(20000);
    stop();
}

TEST(the_same_with_blocks_of_4096_bytes) {
    start(2, 4096);
    do_anything(20000);
    stop();
}

TEST(the_same_with_memory_for_some_of_it_or_none) {
    start(3, SECTOR);
    for (size_t pages = 0; pages < 300; pages += 20) {
        memory_leave(pages);
        do_anything(1000);
        memory_restore();
        do_anything(1000);
        disk_cache_close(cache);
        disk_cache_open(cache);
    }
    stop();
}

TEST(what_is_there_is_not_read_again) {
    start(4, SECTOR);
    check_read(PART_START + 100 * KIB, 40 * KIB);
    unsigned reads = model.reads;
    for (unsigned i = 0; i < 40; ++i) {
        check_read(PART_START + 100 * KIB + i * KIB, KIB);
    }
    write_some(PART_START + 700 * KIB, 40 * KIB);
    check_settled();
    check_read(PART_START + 700 * KIB, 40 * KIB);
    CHECK_EQ(model.reads, reads);
    stop();
}

TEST(what_follows_each_other_is_read_and_written_in_few_requests) {
    start(5, SECTOR);
    for (uint64_t at = PART_START; at < PART_START + 2 * MIB; at += SECTOR) {
        check_read(at, SECTOR);
    }
    CHECK(model.reads < 40);
    for (uint64_t at = PART_START; at < PART_START + 2 * MIB; at += SECTOR) {
        write_some(at, SECTOR);
    }
    check_settled();
    CHECK(model.writes < 160); // With 256 KiB in a way, and where that was read to before.
    stop();
}

TEST(what_is_walked_backwards_is_read_in_few_requests) {
    start(12, SECTOR);
    unsigned count = 0;
    for (uint64_t at = PART_START + PART_SIZE - SECTOR; at > PART_START + 32 * KIB; at -= 32 * KIB, ++count) {
        check_read(at, SECTOR);
    }
    CHECK(model.reads < count * 2 / 3); // With 256 KiB in a way.
    stop();
}

TEST(one_sector_here_and_there_costs_a_small_request_each) {
    start(6, SECTOR);
    for (unsigned i = 0; i < 50; ++i) {
        check_read(PART_START + (i * 37 % 50) * 48 * KIB, SECTOR);
    }
    CHECK_EQ(model.reads, 50);
    stop();
}

TEST(writes_that_fail_are_told_until_they_succeed_and_nothing_is_lost) {
    start(7, SECTOR);
    write_some(PART_START, 300 * KIB);
    model.writes_fail = true;
    CHECK_EQ(disk_cache_settle(cache), DISK_EIO);
    CHECK_EQ(disk_cache_settle(cache), DISK_EIO);
    CHECK_EQ(try_write(PART_START + MIB, SECTOR), DISK_EIO);
    check_read(PART_START, 400 * KIB);
    check_read(PART_START + 2 * MIB, 400 * KIB);
    model.writes_fail = false;
    check_settled();
    write_some(PART_START + MIB, SECTOR);
    check_settled();
    stop();
}

TEST(writes_that_go_on_while_the_disk_fails_end_before_memory_does) {
    start(8, SECTOR);
    model.writes_fail = true;
    uint64_t at = PART_START;
    while (!try_write(at, 4 * KIB)) {
        at += 4 * KIB;
        CHECK(at < PART_START + 2 * MIB);
    }
    check_read(PART_START, at - PART_START);
    model.writes_fail = false;
    check_settled();
    stop();
}

TEST(what_cannot_be_written_at_the_end_is_told) {
    start(9, SECTOR);
    write_some(PART_START, KIB);
    model.writes_fail = true;
    CHECK_EQ(disk_cache_close(cache), DISK_EIO);
    CHECK_EQ(disk_cache_close(cache), 0);
    stop();
}

TEST(a_bad_sector_spoils_only_what_has_it) {
    start(10, SECTOR);
    model.bad_sector = (PART_START + 64 * KIB) / SECTOR;
    for (uint64_t at = PART_START; at < PART_START + 128 * KIB; at += SECTOR) {
        if (at / SECTOR == (unsigned)model.bad_sector) {
            CHECK_EQ(disk_cache_read(cache, at, data, SECTOR), DISK_EIO);
        } else {
            check_read(at, SECTOR);
        }
    }
    model.bad_sector = -1;
    check_read(PART_START, 128 * KIB);
    stop();
}

TEST(what_others_write_while_it_is_closed_is_seen) {
    start(11, SECTOR);
    check_read(PART_START, 64 * KIB);
    CHECK_EQ(disk_cache_close(cache), 0);
    model.bytes[PART_START + 5] = ++model.expected[PART_START + 5];
    check_read(PART_START, 64 * KIB);
    write_some(PART_START, 64 * KIB);
    CHECK(!memcmp(model.bytes, model.expected, DISK_SIZE));
    disk_cache_open(cache);
    check_read(PART_START, 64 * KIB);
    stop();
}
