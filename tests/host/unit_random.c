/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What becomes random bytes, of sources that work and of such as do not, with the generator itself. Two runs that
 * differ in nothing give the same bytes: so what changes them has gone into them. */
#include <sys/wait.h>
#include <unistd.h>

#include "boot/cpu.h"
#include "boot/cpu_features.h"
#include "kernel/mutex.h"
#include "kernel/panic.h"
#include "kernel/random.h"

#include "tests/host/unit.h"

#define SEED_BYTES 48 // Of each source, and in all before the first byte.
#define RESEED_REQUESTS 4096
#define RESEED_TICKS (1ull << 38)

cpu_features_t cpu_features;

_Noreturn void panic(const char *message) {
    fprintf(stderr, "panic: %s\n", message);
    abort();
}

/* There is only one thread, so it never waits for a lock. */
wait_result_t wait_on(const uint32_t *word, uint32_t expected, uint64_t deadline_ns) {
    (void)word, (void)expected, (void)deadline_ns;
    abort();
}

wait_result_t wait_on_interruptible(const uint32_t *word, uint32_t expected, uint64_t deadline_ns) {
    return wait_on(word, expected, deadline_ns);
}

uint32_t wait_wake(const uint32_t *word, uint32_t count) {
    (void)word, (void)count;
    abort();
}

/* splitmix64: what works gives numbers that look random. */
static uint64_t next(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static uint64_t ticks = 1000;

uint64_t rdtsc(void) {
    return ticks;
}

static uint64_t cpu_state = 1;

bool rdseed(uint64_t *value) {
    *value = next(&cpu_state);
    return true;
}

bool rdrand(uint64_t *value) {
    return rdseed(value);
}

static void cpu_has(bool random) {
    cpu_features.leaf1_ecx = random ? CPUID_1_ECX_RDRAND : 0;
}

typedef struct _device_t {
    random_source_t source;
    uint64_t state;
    size_t most;      /* Bytes that it gives at once, and */
    size_t limit;     /* at all; 0: as many as are wanted. */
    size_t given;
    unsigned asked;
    enum { WORKS, DEAD, FIXED, AGAIN, RUNS_OF_4, RUNS_OF_5 } kind;
} device_t;

static uint8_t byte_of(device_t *self, size_t i) {
    switch (self->kind) {
        case FIXED:
            return self->state;
        case AGAIN:
            return i * 37 + self->state;
        case RUNS_OF_4:
            return i % 8 < 4 ? 0xaa : next(&self->state);
        case RUNS_OF_5:
            return i % 8 < 5 ? 0xaa : next(&self->state);
        default:
            return next(&self->state);
    }
}

static size_t read_device(random_source_t *source, uint8_t *buf, size_t len) {
    device_t *self = (device_t *)source;
    ++self->asked;
    if (self->kind == DEAD) {
        return 0;
    }
    len = self->most && self->most < len ? self->most : len;
    len = self->limit && self->limit - self->given < len ? self->limit - self->given : len;
    self->given += len;
    for (size_t i = 0; i < len; ++i) {
        buf[i] = byte_of(self, i);
    }
    return len;
}

#define DEVICE(...) (device_t) { .source = { .read = read_device }, __VA_ARGS__ }

static device_t device;

static void add(device_t *which) {
    CHECK(random_add_source(&which->source));
}

static bool draw(void) {
    uint8_t bytes[16];
    return random_bytes(bytes, sizeof(bytes));
}

/* Whether this device is enough on a CPU without instructions for it. */
static bool is_enough(device_t this) {
    device = this;
    cpu_has(false);
    add(&device);
    return draw();
}

/* The first 16 bytes that `fn` leaves in a machine of its own. */
typedef struct _output_t {
    uint64_t half[2];
} output_t;

static output_t output_of(void (*fn)(void)) {
    int ends[2];
    CHECK_EQ(pipe(ends), 0);
    pid_t child = fork();
    if (!child) {
        output_t output = { 0 };
        fn();
        CHECK(random_bytes(&output, sizeof(output)));
        CHECK_EQ(write(ends[1], &output, sizeof(output)), sizeof(output));
        _exit(0);
    }
    output_t output;
    int status;
    CHECK_EQ(read(ends[0], &output, sizeof(output)), sizeof(output));
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    return output;
}

static bool are_equal(void (*a)(void), void (*b)(void)) {
    output_t x = output_of(a), y = output_of(b);
    return !memcmp(&x, &y, sizeof(x));
}

/* What is enough. */

TEST(without_a_source_there_are_none) {
    uint8_t none;
    cpu_has(false);
    CHECK(!draw());
    CHECK(!random_bytes(&none, 1));
    CHECK(random_bytes(&none, 0));
}

TEST(the_cpu_is_enough) {
    cpu_has(true);
    CHECK(draw());
}

TEST(a_device_is_enough) {
    CHECK(is_enough(DEVICE()));
}

TEST(a_device_that_gives_little_at_once_is_enough) {
    CHECK(is_enough(DEVICE(.most = SEED_BYTES / 4)));
}

TEST(a_device_that_gives_less_is_not_asked_for_ever) {
    CHECK(!is_enough(DEVICE(.most = SEED_BYTES / 4 - 1)));
    CHECK(device.asked < 16);
}

TEST(a_device_without_bytes_is_not_enough) {
    CHECK(!is_enough(DEVICE(.kind = DEAD)));
}

TEST(all_bytes_of_a_seed_have_to_count) {
    CHECK(!is_enough(DEVICE(.limit = 2 * SEED_BYTES - 1))); // The first ones are for comparison.
    device = DEVICE();
    CHECK(draw());
}

TEST(two_devices_together_are_enough) {
    device_t other = DEVICE(.state = 8, .most = 6);
    CHECK(!is_enough(DEVICE(.most = 6)));
    add(&other);
    CHECK(draw());
}

TEST(a_device_that_repeats_a_byte_does_not_count) {
    CHECK(!is_enough(DEVICE(.kind = FIXED)));
    CHECK(!draw());
}

TEST(a_device_that_writes_nothing_does_not_count) {
    CHECK(!is_enough(DEVICE(.kind = FIXED, .state = 0)));
}

TEST(a_device_that_repeats_its_bytes_does_not_count) {
    CHECK(!is_enough(DEVICE(.kind = AGAIN)));
    CHECK(!draw());
}

TEST(five_equal_bytes_in_a_row_are_too_many) {
    CHECK(!is_enough(DEVICE(.kind = RUNS_OF_5)));
}

TEST(four_equal_bytes_in_a_row_happen) {
    CHECK(is_enough(DEVICE(.kind = RUNS_OF_4)));
}

TEST(a_row_of_equal_bytes_may_go_over_two_reads) {
    CHECK(!is_enough(DEVICE(.kind = FIXED, .state = 0xaa, .limit = 4)));
    device.kind = RUNS_OF_4; // Of the same.
    device.limit = 0;
    CHECK(!draw());
    CHECK(draw());
}

/* What goes in. */

static void with_cpu(void) {
    cpu_has(true);
}

static void with_another_cpu(void) {
    cpu_state = 2;
    with_cpu();
}

static void later(void) {
    ticks = 2000;
    with_cpu();
}

static void with_device(device_t this) {
    with_cpu();
    device = this;
    add(&device);
}

static void with_good_device(void) {
    with_device(DEVICE());
}

static void with_another_device(void) {
    with_device(DEVICE(.state = 9));
}

static void with_broken_device(void) {
    with_device(DEVICE(.kind = FIXED, .state = 1));
}

static void with_another_broken_device(void) {
    with_device(DEVICE(.kind = FIXED, .state = 2));
}

static void with_device_alone(void) {
    with_good_device();
    cpu_has(false);
}

TEST(equal_machines_give_equal_bytes) {
    CHECK(are_equal(with_cpu, with_cpu));
    CHECK(are_equal(with_good_device, with_good_device));
}

TEST(what_the_cpu_gives_goes_in) {
    CHECK(!are_equal(with_cpu, with_another_cpu));
    CHECK(!are_equal(with_good_device, with_device_alone));
}

TEST(what_a_device_gives_goes_in) {
    CHECK(!are_equal(with_cpu, with_good_device));
    CHECK(!are_equal(with_good_device, with_another_device));
}

TEST(what_a_broken_device_gives_goes_in_all_the_same) {
    CHECK(!are_equal(with_broken_device, with_another_broken_device));
}

TEST(the_time_goes_in) {
    CHECK(!are_equal(with_cpu, later));
}

/* Machines that were one machine. */

static void copy(void) {
}

static void copy_on_another_cpu(void) {
    cpu_state = 3;
}

static void copy_later(void) {
    ++ticks;
}

TEST(a_copied_generator_parts_by_what_the_cpu_gives) {
    with_cpu();
    CHECK(draw());
    CHECK(are_equal(copy, copy));
    CHECK(!are_equal(copy, copy_on_another_cpu));
}

TEST(a_copied_generator_parts_by_the_time) {
    with_device_alone();
    CHECK(draw());
    CHECK(are_equal(copy, copy));
    CHECK(!are_equal(copy, copy_later));
}

/* When sources are asked. */

static unsigned asked_by(unsigned requests) {
    unsigned before = device.asked;
    for (unsigned i = 0; i < requests; ++i) {
        CHECK(draw());
    }
    return device.asked - before;
}

TEST(a_device_is_asked_at_the_first_use_only) {
    with_good_device();
    CHECK_EQ(device.asked, 0);
    CHECK_EQ(asked_by(1), 2);
    CHECK_EQ(asked_by(RESEED_REQUESTS - 1), 0);
}

TEST(it_is_asked_again_after_many_requests) {
    with_good_device();
    asked_by(RESEED_REQUESTS);
    CHECK_EQ(asked_by(1), 1);
    CHECK_EQ(asked_by(RESEED_REQUESTS - 1), 0);
    CHECK_EQ(asked_by(1), 1);
}

TEST(it_is_asked_again_after_some_time) {
    with_good_device();
    asked_by(1);
    ticks += RESEED_TICKS - 1;
    CHECK_EQ(asked_by(1), 0);
    ++ticks;
    CHECK_EQ(asked_by(2), 1);
}

TEST(it_is_asked_again_when_time_has_gone_back) {
    with_good_device();
    asked_by(1);
    --ticks;
    CHECK_EQ(asked_by(2), 1);
}

TEST(it_is_asked_again_on_demand) {
    with_good_device();
    asked_by(1);
    random_reseed();
    CHECK_EQ(asked_by(2), 1);
}

TEST(a_new_device_is_asked_at_the_next_use) {
    with_cpu();
    CHECK(draw());
    with_good_device();
    CHECK_EQ(asked_by(2), 2);
}

TEST(a_device_that_fails_is_not_asked_by_each_request) {
    with_device_alone();
    asked_by(1);
    device.kind = DEAD;
    asked_by(RESEED_REQUESTS);
    CHECK_EQ(asked_by(RESEED_REQUESTS - 1), 0);
}

/* Sources that go. */

static void ask_device_again(void) {
    random_reseed();
}

TEST(a_generator_goes_on_without_its_sources) {
    with_device_alone();
    asked_by(1);
    random_remove_source(&device.source);
    random_reseed();
    CHECK_EQ(asked_by(2 * RESEED_REQUESTS), 0);
}

TEST(a_device_that_has_broken_does_no_harm) {
    with_device_alone();
    asked_by(1);
    device.kind = FIXED;
    CHECK_EQ(asked_by(RESEED_REQUESTS), 1);
    CHECK(!are_equal(copy, ask_device_again));
}

TEST(no_more_than_some_are_taken) {
    device_t more[RANDOM_SOURCES_MAX];
    cpu_has(false);
    for (unsigned i = 0; i < RANDOM_SOURCES_MAX; ++i) {
        more[i] = DEVICE(.state = i);
        CHECK_EQ(random_add_source(&more[i].source), i < RANDOM_SOURCES_MAX - 1);
    }
    CHECK(draw());
    random_remove_source(&more[0].source);
    CHECK(random_add_source(&more[RANDOM_SOURCES_MAX - 1].source));
    CHECK(draw());
    CHECK_EQ(more[0].asked, 2);
    CHECK_EQ(more[1].asked, 3);
    CHECK_EQ(more[RANDOM_SOURCES_MAX - 1].asked, 2);
}

/* What comes out. */

TEST(no_more_than_asked_for_is_written) {
    static const size_t sizes[] = { 1, 15, 16, 17, 1023, 1024, 1025, 5000 };
    with_cpu();
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); ++i) {
        uint8_t *bytes = malloc(sizes[i]);
        CHECK(random_bytes(bytes, sizes[i]));
        free(bytes);
    }
}

TEST(all_of_it_is_written) {
    static uint8_t bytes[1 << 20];
    unsigned counts[256] = { 0 };
    with_cpu();
    CHECK(random_bytes(bytes, sizeof(bytes)));
    for (size_t i = 0; i < sizeof(bytes); ++i) {
        ++counts[bytes[i]];
    }
    // 4096 of each on average, with a deviation of 64.
    for (unsigned i = 0; i < 256; ++i) {
        CHECK(counts[i] > 4096 - 8 * 64 && counts[i] < 4096 + 8 * 64);
    }
}
