/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Split virtqueues of every size, against the device's side of them. */

#include "drivers/virtqueue.h"
#include "tests/host/unit.h"
#include "tests/host/virtio/machine.h"
#include "tests/host/virtio/ring_model.h"

#define NOTIFY_PADDR 0xe0000000u
#define QUEUE_INDEX 9
#define BYTES 4096

static virtqueue_t queue;
static ring_model_t ring;
static uint8_t bytes[BYTES];
static unsigned notified;

static uint64_t access_notify(uint64_t paddr, unsigned width, bool write, uint64_t value) {
    CHECK(paddr == NOTIFY_PADDR && width == 2 && write && value == QUEUE_INDEX);
    ++notified;
    ring.awake = true;
    return 0;
}

static void start(uint16_t size, bool event_idx) {
    machine_start();
    machine.bus = access_notify;
    machine_share(bytes, sizeof(bytes));
    notified = 0;
    memset(&queue, 0, sizeof(queue));
    CHECK(virtqueue_alloc(&queue, size));
    queue.index = QUEUE_INDEX;
    queue.event_idx = event_idx;
    queue.notify = driver_map(NOTIFY_PADDR, 2);
    uint64_t addresses[3];
    virtqueue_addresses(&queue, addresses);
    ring = (ring_model_t) {
        .size = size, .desc_paddr = addresses[0], .avail_paddr = addresses[1], .used_paddr = addresses[2],
        .event_idx = event_idx,
    };
    CHECK(ring_start(&ring));
}

static void end(void) {
    ring_stop(&ring);
    virtqueue_free(&queue);
    CHECK_EQ(machine_end(), 0);
}

static dma_segment_t segments[VIRTQUEUE_SIZE_MAX + 1];

static bool add(unsigned out, unsigned in, void *token) {
    for (unsigned i = 0; i < out + in; ++i) {
        segments[i] = dma_segment(driver_address(bytes + i), 1 + i % 3);
    }
    return virtqueue_add(&queue, segments, out, in, token);
}

/* Shows what was added. Whether the device wanted to be told, and was. */
static bool publish(void) {
    unsigned before = notified;
    if (virtqueue_publish(&queue)) {
        virtqueue_notify(&queue);
    }
    return notified != before;
}

static void add_one(void *token) {
    CHECK(add(1, 0, token));
    publish();
}

static void return_one(uint32_t written) {
    uint16_t head;
    CHECK(ring_take(&ring, &head));
    ring_return(&ring, head, written);
}

static void *take(void) {
    uint32_t written;
    return virtqueue_take(&queue, &written);
}

TEST(memory_that_is_missing_is_said) {
    machine_start();
    machine.allocs_left = 0;
    memset(&queue, 0, sizeof(queue));
    CHECK(!virtqueue_alloc(&queue, 16));
    virtqueue_free(&queue);
    CHECK_EQ(machine_end(), 0);
}

TEST(as_many_descriptors_as_it_has_are_a_chain_and_no_more) {
    for (unsigned size = 1; size <= VIRTQUEUE_SIZE_MAX; size *= 2) {
        start(size, false);
        CHECK(!add(size, 1, bytes));
        CHECK(add(size / 2, size - size / 2, bytes));
        CHECK(!add(1, 0, bytes));
        CHECK(publish());
        uint16_t head;
        CHECK(ring_take(&ring, &head));
        CHECK_EQ(ring.chain[head].count, size);
        CHECK_EQ(ring.chain[head].pieces[size - 1].len, 1 + (size - 1) % 3);
        uint32_t writable = ring_len(&ring.chain[head], true), written = 0;
        ring_return(&ring, head, writable);
        CHECK(virtqueue_take(&queue, &written) == bytes);
        CHECK_EQ(written, writable);
        CHECK(!take());
        CHECK(add(size, 0, bytes));
        end();
    }
}

/* What the device looks at is `segments`: ring_model.c sees that they stay. */
TEST(a_long_chain_is_a_table_and_takes_one_descriptor) {
    for (unsigned size = 1; size <= VIRTQUEUE_SIZE_MAX; size *= 2) {
        start(size, false);
        machine_share(segments, sizeof(segments));
        queue.indirect = ring.indirect = true;
        for (unsigned count = 1; count <= size; count = count < 8 ? count + 1 : count * 2) {
            unsigned out = count % 4 ? count / 3 : 0, takes = count > VIRTQUEUE_DIRECT_MAX ? 1 : count;
            CHECK(add(out, count - out, bytes));
            CHECK_EQ(queue.free_count, size - takes);
            publish();
            uint16_t head;
            CHECK(ring_take(&ring, &head));
            const ring_chain_t *chain = &ring.chain[head];
            CHECK_EQ(chain->count, count);
            CHECK_EQ(chain->table_memory != NULL, takes < count);
            for (unsigned i = 0; i < count; ++i) {
                CHECK_EQ(chain->pieces[i].paddr, driver_address(bytes + i));
                CHECK_EQ(chain->pieces[i].len, 1 + i % 3);
                CHECK_EQ(chain->pieces[i].writable, i >= out);
            }
            uint32_t writable = ring_len(chain, true), written = 0;
            ring_return(&ring, head, writable);
            CHECK(virtqueue_take(&queue, &written) == bytes);
            CHECK_EQ(written, writable);
            CHECK_EQ(queue.free_count, size);
        }
        machine_unshare(segments);
        end();
    }
}

TEST(more_than_can_have_been_written_stops_it_or_is_cut) {
    for (unsigned any_length = 0; any_length < 2; ++any_length) {
        start(16, false);
        queue.any_length = any_length;
        CHECK(add(1, 1, bytes));
        publish();
        uint16_t head;
        CHECK(ring_take(&ring, &head));
        uint32_t writable = ring_len(&ring.chain[head], true), written = 0;
        ring_push(&ring, head, writable + 1);
        CHECK_EQ(virtqueue_take(&queue, &written) == bytes, any_length);
        CHECK_EQ(written, any_length ? writable : 0);
        CHECK_EQ(queue.problem == NULL, any_length);
        end();
    }
}

/* All indices of 16 bits wrap, whatever the size. */
TEST(chains_come_back_with_their_tokens_in_any_order) {
    for (unsigned size = 2; size <= VIRTQUEUE_SIZE_MAX; size *= 8) {
        for (unsigned event_idx = 0; event_idx < 2; ++event_idx) {
            start(size, event_idx);
            unsigned random = size, offered = 0, done = 0;
            while (done < 70000) {
                while (add(1, random % 2, bytes + offered % BYTES)) {
                    ++offered;
                    random = random * 1103515245 + 12345;
                }
                publish();
                uint16_t head;
                while (ring_take(&ring, &head)) {
                }
                // Some, from somewhere on.
                for (unsigned i = 0; i < size; ++i) {
                    head = (random / 7 + i) % size;
                    if (ring.chain[head].pieces && ring.chain[head].taken && (random >> i % 16 & 1)) {
                        uint64_t paddr = ring.chain[head].pieces[0].paddr;
                        CHECK_EQ(paddr, driver_address(bytes));
                        ring_return(&ring, head, 0);
                    }
                }
                uint8_t *token;
                while ((token = take())) {
                    CHECK(token >= bytes && token < bytes + BYTES);
                    ++done;
                }
                CHECK_EQ((uintptr_t)queue.problem, 0);
                CHECK_EQ(offered - done, ring.offered);
                CHECK(virtqueue_wait(&queue));
                machine.looks = 0;
                random = random * 1103515245 + 12345;
            }
            end();
        }
    }
}

TEST(each_token_comes_back_once) {
    start(64, false);
    for (unsigned i = 0; i < 32; ++i) {
        CHECK(add(1, 1, bytes + i));
    }
    publish();
    uint16_t heads[32];
    for (unsigned i = 0; i < 32; ++i) {
        CHECK(ring_take(&ring, &heads[i]));
    }
    for (unsigned i = 0; i < 32; ++i) {
        unsigned odd = (i * 13 + 5) % 32;
        ring_return(&ring, heads[odd], odd % 2);
        uint32_t written;
        CHECK(virtqueue_take(&queue, &written) == bytes + odd);
        CHECK_EQ(written, odd % 2);
    }
    end();
}

TEST(a_chain_that_was_not_shown_does_not_come_back) {
    start(16, false);
    add_one(bytes);
    CHECK(add(2, 0, bytes + 1));
    return_one(0);
    ring_push(&ring, 1, 0);
    CHECK(take() == bytes);
    CHECK(!take());
    CHECK_TEXT(queue.problem, "it returned a descriptor that it does not have");
    CHECK(virtqueue_take_unfinished(&queue) == bytes + 1);
    CHECK(!virtqueue_take_unfinished(&queue));
    end();
}

TEST(a_queue_that_is_quiet_is_not_interrupted_until_it_waits) {
    for (unsigned event_idx = 0; event_idx < 2; ++event_idx) {
        start(16, event_idx);
        ring.heeds_no_interrupt = true;
        for (unsigned round = 0; round < 3; ++round) {
            virtqueue_quiet(&queue);
            for (unsigned i = 0; i < 100; ++i) {
                add_one(bytes);
                return_one(0);
                CHECK(!ring_wants_interrupt(&ring));
                CHECK(take() == bytes);
                virtqueue_quiet(&queue);
            }
            CHECK(virtqueue_wait(&queue));
            add_one(bytes);
            return_one(0);
            CHECK(ring_wants_interrupt(&ring));
            CHECK(take() == bytes);
        }
        end();
    }
}

TEST(a_device_that_is_awake_is_not_told_again) {
    start(16, true);
    add_one(bytes);
    CHECK_EQ(notified, 1);
    add_one(bytes);
    CHECK_EQ(notified, 1);
    return_one(0);
    return_one(0);
    ring_sleep(&ring);
    CHECK(!ring.awake);
    CHECK(take() && take());
    add_one(bytes);
    CHECK_EQ(notified, 2);
    end();
}

/* As if so many chains had come and gone. */
static void begin_at(uint16_t index) {
    queue.avail_index = queue.told_index = queue.used_index = index;
    ring.seen = ring.taken = ring.used_index = ring.signalled = index;
    ring.avail[1] = ring.used[1] = index;
}

/* As the driver shows several at once, the one that the device waits for may be any of them, or none: 2.7.10. */
TEST(the_device_is_told_when_the_index_passes_what_it_waits_for) {
    start(16, true);
    volatile uint16_t *avail_event = &ring.used[2 + 4 * 16];
    for (uint16_t index = 0x8000 - 8; index != 8; index = index == 0x8008 ? 0xfff8 : index + 1) {
        for (unsigned count = 1; count <= 5; ++count) {
            for (int event = -3; event <= 7; ++event) {
                begin_at(index);
                *avail_event = index + event;
                for (unsigned i = 0; i < count; ++i) {
                    CHECK(add(1, 0, bytes));
                }
                CHECK_EQ(virtqueue_publish(&queue), event >= 0 && event < (int)count);
                for (unsigned i = 0; i < count; ++i) {
                    return_one(0);
                    CHECK(take());
                }
            }
        }
    }
    end();
}

TEST(without_events_the_device_is_told_unless_it_says_not_to) {
    start(16, false);
    ring.quiet = true;
    add_one(bytes);
    add_one(bytes);
    CHECK_EQ(notified, 2);
    return_one(0); // It runs now.
    add_one(bytes);
    CHECK_EQ(notified, 2);
    return_one(0);
    return_one(0);
    ring_sleep(&ring);
    CHECK(take() && take() && take());
    add_one(bytes);
    CHECK_EQ(notified, 3);
    end();
}

TEST(nothing_new_is_nothing_to_tell) {
    start(16, false);
    CHECK(!publish());
    add_one(bytes);
    CHECK(!publish());
    end();
}

TEST(an_interrupt_is_asked_for_and_what_came_before_is_seen) {
    start(16, true);
    add_one(bytes);
    add_one(bytes);
    return_one(0);
    CHECK(ring_wants_interrupt(&ring));
    CHECK(!virtqueue_wait(&queue)); // It has not been taken.
    CHECK(take());
    CHECK(virtqueue_wait(&queue));
    return_one(0);
    CHECK(ring_wants_interrupt(&ring));
    CHECK(take());
    add_one(bytes);
    return_one(0); // Nobody has waited for that.
    CHECK(!ring_wants_interrupt(&ring));
    end();
}

TEST(an_index_that_was_seen_and_goes_back_stops_it) {
    start(16, true);
    add_one(bytes);
    add_one(bytes);
    return_one(0);
    CHECK(!virtqueue_wait(&queue));
    CHECK(take());
    CHECK(!take());
    CHECK(!queue.problem);
    return_one(0);
    CHECK(!virtqueue_wait(&queue));
    ring.used[1] = 1;
    CHECK(!take());
    CHECK(queue.problem);
    virtqueue_reset(&queue);
    CHECK(!take());
    CHECK(!queue.problem);
    ring_stop(&ring);
    end();
}

TEST(what_the_device_had_is_taken_from_it) {
    start(16, false);
    for (unsigned i = 0; i < 8; ++i) {
        CHECK(add(1, 1, bytes + i));
    }
    publish();
    return_one(0);
    CHECK(take() == bytes);
    ring_stop(&ring);
    uint64_t seen = 0;
    uint8_t *token;
    while ((token = virtqueue_take_unfinished(&queue))) {
        CHECK(!(seen >> (token - bytes) & 1));
        seen |= 1ull << (token - bytes);
    }
    CHECK_EQ(seen, 0xfe);
    CHECK(add(8, 8, bytes));
    end();
}

TEST(a_reset_queue_has_nothing) {
    start(16, false);
    add_one(bytes);
    add_one(bytes);
    ring.used[0] = 1; // NO_NOTIFY
    ring_stop(&ring);
    virtqueue_reset(&queue);
    CHECK_EQ(ring.used[0], 0);
    CHECK_EQ(queue.chains, 0);
    CHECK(!virtqueue_take_unfinished(&queue));
    CHECK(ring_start(&ring));
    add_one(bytes);
    ring_push(&ring, 1, 0); // As before the reset.
    CHECK(!take());
    CHECK(queue.problem);
    end();
}

TEST(a_queue_that_has_stopped_does_nothing_until_it_is_reset) {
    start(16, true);
    add_one(bytes);
    ring_push(&ring, 5, 0);
    CHECK(!take());
    CHECK(queue.problem);
    CHECK(!add(1, 0, bytes));
    ring.used[2] = 0; // What it should have been: too late.
    CHECK(!take());
    CHECK(virtqueue_wait(&queue));
    ring_stop(&ring);
    CHECK(virtqueue_take_unfinished(&queue) == bytes);
    virtqueue_reset(&queue);
    CHECK(ring_start(&ring));
    CHECK_EQ(ring.avail[2 + 16], 0);
    CHECK_EQ(ring.used[2 + 4 * 16], 0);
    add_one(bytes + 1);
    return_one(0);
    CHECK(take() == bytes + 1);
    end();
}
