/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "kernel/kalloc.h"
#include "kernel/message.h"
#include "kernel/thread.h"

#include "tests/host/memory_world.h"
#include "tests/host/unit.h"

#define WHOLE_MAX (KALLOC_SIZE_MAX - sizeof(message_t)) /* The most that lies in one piece. */
#define PART_BYTES (4096 - sizeof(void *))

static const size_t sizes[] = {
    0, 1, 7, 100, 2032 - sizeof(message_t), 2033 - sizeof(message_t), 5000, WHOLE_MAX - 1, WHOLE_MAX, WHOLE_MAX + 1,
    KALLOC_SIZE_MAX - 1, KALLOC_SIZE_MAX, KALLOC_SIZE_MAX + 1, 17 * PART_BYTES - 1, 17 * PART_BYTES,
    17 * PART_BYTES + 1, 1000000,
};
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

thread_t *thread_current(void) {
    static thread_t only;
    return &only;
}

static void start(void) {
    world_start();
    memory_start();
}

/* Of their own size, so that the sanitizer sees both ends; never the same bytes twice. */
static uint8_t *random_bytes(size_t size) {
    uint8_t *bytes = malloc(size);
    for (size_t i = 0; i < size; ++i) {
        bytes[i] = world_random();
    }
    return bytes;
}

static void check_content(const message_t *message, const uint8_t *bytes, size_t size) {
    CHECK_EQ(message->size, size);
    uint8_t *copy = malloc(size);
    message_copy(message, copy);
    CHECK(!size || !memcmp(copy, bytes, size));
    CHECK(!message->only || !size || !memcmp(message->only, bytes, size));
    free(copy);
}

TEST(bytes_of_any_number_arrive_as_they_were) {
    start();
    message_t *messages[SIZES];
    uint8_t *bytes[SIZES];
    for (unsigned i = 0; i < SIZES; ++i) {
        bytes[i] = random_bytes(sizes[i]);
        messages[i] = message_new(bytes[i], sizes[i]);
        CHECK(messages[i]);
        CHECK_EQ(messages[i]->only != NULL, sizes[i] <= WHOLE_MAX);
    }
    for (unsigned i = 0; i < SIZES; ++i) {
        check_content(messages[i], bytes[i], sizes[i]);
        message_free(messages[i]);
        free(bytes[i]);
    }
    check_all_memory_is_free();
}

/* No two pages side by side are free then. */
static void leave_single_pages(void) {
    uint64_t page;
    while ((page = page_alloc(0))) {
        *(uint64_t *)(DIRECT_MAP_BASE + page) = page / PAGE_SIZE % 2;
    }
    for (page = PAGE_SIZE; page < WORLD_RAM; page += 2 * PAGE_SIZE) {
        if (*(uint64_t *)(DIRECT_MAP_BASE + page) == 1) {
            page_free(page, 0);
        }
    }
    CHECK(page_free_count() > 500);
    CHECK(!page_alloc(1));
}

TEST(what_finds_no_room_in_one_piece_goes_in_parts) {
    start();
    leave_single_pages();
    size_t free_pages = page_free_count();
    for (unsigned i = 0; i < SIZES; ++i) {
        uint8_t *bytes = random_bytes(sizes[i]);
        message_t *message = message_new(bytes, sizes[i]);
        CHECK(message);
        CHECK_EQ(message->only != NULL, sizes[i] <= PAGE_SIZE - sizeof(message_t));
        check_content(message, bytes, sizes[i]);
        message_free(message);
        free(bytes);
        CHECK_EQ(page_free_count(), free_pages);
    }
}

/* How many pages a message takes when there are no more. Nothing is kept of those that fail. */
static size_t pages_needed(const uint8_t *bytes, size_t size) {
    message_t *message = NULL;
    size_t pages = 0;
    while (!message) {
        memory_leave(pages);
        message = message_new(bytes, size);
        CHECK_EQ(page_available_count(), message ? 0 : pages);
        memory_restore();
        pages += !message;
    }
    check_content(message, bytes, size);
    message_free(message);
    check_all_memory_is_free();
    return pages;
}

TEST(where_memory_is_missing_for_any_of_it_there_is_no_message_and_nothing_is_kept) {
    start();
    uint8_t *bytes = random_bytes(100 * PART_BYTES);
    CHECK_EQ(pages_needed(bytes, 0), 1);
    CHECK_EQ(pages_needed(bytes, 100), 1);
    CHECK_EQ(pages_needed(bytes, 3 * PART_BYTES), 4); // As a whole it takes as many.
    CHECK_EQ(pages_needed(bytes, 5 * PART_BYTES), 6); // As a whole it takes 8.
    CHECK_EQ(pages_needed(bytes, 20 * PART_BYTES), 21);
    CHECK_EQ(pages_needed(bytes, 100 * PART_BYTES), 101);
    free(bytes);
}

static unsigned freed;

static message_t *count_free(kobject_t *object) {
    CHECK_EQ(object->refs, 0);
    ++freed;
    return NULL;
}

static void hold_and_free(size_t size) {
    uint8_t *bytes = random_bytes(size);
    kobject_t objects[3] = { { 1, count_free }, { 1, count_free }, { 1, count_free } };
    message_t *message = message_new(bytes, size);
    freed = 0;
    CHECK(message_add(message, 0, &objects[0]));
    CHECK(message_add(message, 1, &objects[1]));
    CHECK(message_add(message, SIZE_MAX, &objects[2]));
    CHECK(message_add(message, 7, &objects[1])); // The same again.
    kobject_release(&objects[0]);
    CHECK_EQ(objects[0].refs, 1);
    CHECK_EQ(objects[1].refs, 3);
    CHECK(message_object(message, 0) == &objects[0]);
    CHECK(message_object(message, 1) == &objects[1]);
    CHECK(message_object(message, SIZE_MAX) == &objects[2]);
    CHECK(message_object(message, 7) == &objects[1]);
    CHECK(!message_object(message, 2));
    check_content(message, bytes, size);
    CHECK_EQ(freed, 0);
    message_free(message);
    CHECK_EQ(freed, 1);
    CHECK_EQ(objects[1].refs, 1);
    CHECK_EQ(objects[2].refs, 1);
    free(bytes);
    check_all_memory_is_free();
}

TEST(what_it_refers_to_it_holds_until_it_is_freed) {
    start();
    hold_and_free(10);
    hold_and_free(WHOLE_MAX + 1);
}

TEST(an_object_that_finds_no_room_is_not_held) {
    start();
    kobject_t object = { 1, count_free };
    message_t *message = message_new("1", 1);
    memory_leave(0);
    CHECK(!message_add(message, 0, &object));
    CHECK_EQ(object.refs, 1);
    CHECK(!message_object(message, 0));
    memory_restore();
    CHECK(message_add(message, 0, &object));
    message_free(message);
    CHECK_EQ(object.refs, 1);
    check_all_memory_is_free();
}
