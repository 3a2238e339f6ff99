/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* An entropy device and its driver, on the real queue: one that answers late, or short, or lies. What lies between them on
 * PCI is not here. */
#include "drivers/virtio_rng.h"

#include "tests/host/unit.h"

void *driver_alloc(size_t size) {
    return calloc(1, size);
}

void driver_free(void *memory, size_t size) {
    (void)size;
    free(memory);
}

uint64_t driver_address(const void *memory) {
    return (uintptr_t)memory;
}

/* The device: what its driver has told it. */
static struct {
    uint64_t addresses[3];
    uint16_t size, avail_index;
    uint16_t notified;
    bool is_live, lacks_queue, hangs;
    void (*fn)(void *ctx);
    void *ctx;
} device;

const char *virtio_open(virtio_device_t *virtio, const pci_function_t *function, uint16_t queues_max) {
    (void)function;
    CHECK_EQ(queues_max, 1);
    virtio->common = (mmio_t)&device;
    return NULL;
}

const char *virtio_negotiate(virtio_device_t *virtio, uint64_t features) {
    (void)virtio;
    CHECK_EQ(features, 0);
    return NULL;
}

static const char *connect_queue(virtio_queue_t *queue) {
    virtqueue_addresses(&queue->ring, device.addresses);
    device.size = queue->ring.size;
    device.avail_index = 0;
    queue->ring.notify = (mmio_t)&device.notified;
    return NULL;
}

const char *virtio_add_queue(virtio_device_t *virtio, virtio_queue_t *queue, uint16_t index, uint16_t size_max,
    const char *name, void (*fn)(void *ctx), void *ctx, uint32_t apic_id) {
    (void)virtio, (void)name, (void)apic_id;
    CHECK_EQ(index, 0);
    if (device.lacks_queue) {
        return "it lacks a queue";
    }
    device.fn = fn;
    device.ctx = ctx;
    CHECK(virtqueue_alloc(&queue->ring, size_max));
    return connect_queue(queue);
}

const char *virtio_restart_queue(virtio_device_t *virtio, virtio_queue_t *queue) {
    (void)virtio;
    virtqueue_reset(&queue->ring);
    return connect_queue(queue);
}

void virtio_start(virtio_device_t *virtio) {
    (void)virtio;
    device.is_live = true;
}

bool virtio_reset(virtio_device_t *virtio) {
    (void)virtio;
    device.is_live = device.hangs;
    return !device.hangs;
}

void virtio_disconnect_queue(virtio_device_t *virtio, virtio_queue_t *queue) {
    (void)virtio, (void)queue;
    device.fn = NULL;
}

/* virtio 1.2, 2.7: rings of 16-bit words, descriptors of 16 bytes. */
static uint16_t *avail(void) {
    return (uint16_t *)device.addresses[1];
}

static uint16_t *used(void) {
    return (uint16_t *)device.addresses[2];
}

/* Where the next request wants its bytes, and how many. */
static uint8_t *next_request(uint16_t *head, uint32_t *len) {
    CHECK(device.is_live);
    CHECK(device.avail_index != avail()[1]);
    *head = avail()[2 + device.avail_index++ % device.size];
    uint8_t *desc = (uint8_t *)device.addresses[0] + 16 * *head;
    *len = *(uint32_t *)(desc + 8);
    CHECK_EQ(*(uint16_t *)(desc + 12), 2); // For the device to write; no other follows.
    return *(uint8_t **)desc;
}

static void answer_with(uint16_t head, uint32_t written) {
    uint32_t *element = (uint32_t *)&used()[2 + 4 * (used()[1] % device.size)];
    element[0] = head;
    element[1] = written;
    ++used()[1];
    device.fn(device.ctx);
}

static void answer(uint8_t value, uint32_t written) {
    uint16_t head;
    uint32_t len;
    uint8_t *bytes = next_request(&head, &len);
    CHECK(written <= len);
    memset(bytes, value, written);
    answer_with(head, written);
}

static unsigned answers;

static void on_answer(virtio_rng_t *rng) {
    (void)rng;
    ++answers;
}

static virtio_rng_t rng = { .on_answer = on_answer };
static uint8_t taken[VIRTIO_RNG_MAX];

static void open(void) {
    const pci_function_t function = { 0 };
    CHECK(!virtio_rng_open(&rng, &function, "rng", 0));
    CHECK(device.is_live);
}

static bool is_awaited(void) {
    uint32_t state;
    return virtio_rng_is_awaited(&rng, &state);
}

static size_t take(void) {
    return virtio_rng_take(&rng, taken, sizeof(taken));
}

TEST(an_answer_is_taken_once) {
    open();
    CHECK(!take());
    for (unsigned i = 1; i <= 10; ++i) {
        CHECK(virtio_rng_ask(&rng, 48));
        CHECK(is_awaited());
        CHECK(!take());
        answer(i, 48);
        CHECK_EQ(answers, i);
        CHECK(!is_awaited());
        CHECK_EQ(take(), 48);
        CHECK_EQ(taken[0], i);
        CHECK_EQ(taken[47], i);
        CHECK(!take());
    }
    CHECK(virtio_rng_close(&rng));
}

TEST(nothing_of_an_answer_is_kept) {
    static const uint8_t zeros[VIRTIO_RNG_MAX];
    open();
    CHECK(virtio_rng_ask(&rng, VIRTIO_RNG_MAX));
    answer(0x55, VIRTIO_RNG_MAX);
    CHECK_EQ(virtio_rng_take(&rng, taken, 8), 8);
    CHECK(!memcmp(rng.bytes, zeros, sizeof(zeros)));
    CHECK(virtio_rng_close(&rng));
}

TEST(a_short_answer_is_as_long_as_the_device_says) {
    open();
    CHECK(virtio_rng_ask(&rng, 48));
    answer(0x55, 5);
    CHECK_EQ(take(), 5);
    CHECK(virtio_rng_ask(&rng, 48));
    answer(0x55, 0);
    CHECK_EQ(take(), 0);
    CHECK(!is_awaited());
    CHECK(virtio_rng_close(&rng));
}

TEST(a_device_that_is_late_is_not_asked_twice) {
    open();
    CHECK(virtio_rng_ask(&rng, 48));
    CHECK(virtio_rng_ask(&rng, 48));
    CHECK_EQ(avail()[1], 1);
    answer(0x55, 48);
    CHECK(virtio_rng_ask(&rng, 48)); // It is there already.
    CHECK_EQ(avail()[1], 1);
    CHECK(!is_awaited());
    CHECK_EQ(take(), 48);
    CHECK(virtio_rng_close(&rng));
}

TEST(a_device_that_was_reset_is_asked_anew) {
    open();
    CHECK(virtio_rng_ask(&rng, 48));
    CHECK(!virtio_rng_restart(&rng));
    CHECK(device.is_live);
    CHECK(!is_awaited());
    CHECK(!take());
    CHECK(virtio_rng_ask(&rng, 48));
    answer(0x55, 48);
    CHECK_EQ(take(), 48);
    CHECK(virtio_rng_close(&rng));
}

static void check_stopped(void) {
    CHECK(virtio_rng_problem(&rng));
    CHECK(!is_awaited()); // Who waits goes on.
    CHECK(answers);
    CHECK(!take());
    CHECK(!virtio_rng_ask(&rng, 48));
    CHECK(virtio_rng_close(&rng));
}

TEST(a_device_that_says_it_wrote_more_than_it_could_is_stopped) {
    uint16_t head;
    uint32_t len;
    open();
    CHECK(virtio_rng_ask(&rng, 48));
    next_request(&head, &len);
    answer_with(head, len + 1);
    check_stopped();
}

TEST(a_device_that_returns_what_it_does_not_have_is_stopped) {
    open();
    CHECK(virtio_rng_ask(&rng, 48));
    answer_with(1, 48);
    check_stopped();
}

TEST(a_device_that_answers_unasked_is_stopped) {
    open();
    answer_with(0, 48);
    check_stopped();
}

TEST(a_device_without_a_queue_is_closed_again) {
    const pci_function_t function = { 0 };
    device.lacks_queue = true;
    CHECK_TEXT(virtio_rng_open(&rng, &function, "rng", 0), "it lacks a queue");
    CHECK(!device.is_live);
    CHECK(!rng.is_lost);
}

TEST(a_device_that_does_not_reset_keeps_its_memory) {
    open();
    CHECK(virtio_rng_ask(&rng, 48));
    device.hangs = true;
    CHECK(virtio_rng_restart(&rng));
    CHECK(!virtio_rng_close(&rng));
    uint16_t head;
    uint32_t len;
    memset(next_request(&head, &len), 0x55, 48); // It still writes.
    virtqueue_free(&rng.queue.ring);
}
