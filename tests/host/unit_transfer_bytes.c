/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Bytes that nobody encoded. */

#include "py/gc.h"

#include "tests/host/transfer_world.h"
#include "tests/host/unit.h"

static void check_not_a_value(void) {
    check_raised(receive(TRANSFER_DATA), &mp_type_ValueError);
}

#define CHECK_NOT_A_VALUE(text) (HELD(text), check_not_a_value())
#define CHECK_VALUE(text) (HELD(text), check_quiet(receive(TRANSFER_DATA)))

static const char *const of_each_kind[] = {
    "[None, True, ..., NotImplemented, 5, -70000, 1 << 100, -(1 << 100), 1.5, complex(1, 2)]",
    "['a text', b'bytes', bytearray(b'abc'), '', range(1, 9, 2)]",
    "[(1, 2), [3, [4]], {'a': 1, (2, 3): [4]}, {1, 'b'}, frozenset([5])]",
    "[len, ValueError('a', 1), OSError]",
    "[a, a, (a, a), s, s]",
    "f",
    "[g, (f, h)]",
};
static const char setup[] =
    "a = []\ns = 'some text'\n"
    "def f(a, b=[1], *, c={'k': 2}): return [a + b for i in c]\n"
    "def g(n):\n yield 'a long constant text that is no name' + str(1 << 80)\n"
    "h = lambda: (1.5, f)\n";

TEST(every_truncation_is_refused) {
    for (size_t i = 0; i < MP_ARRAY_SIZE(of_each_kind); i++) {
        check_quiet(send(setup, of_each_kind[i]));
        size_t len = sent_len;
        byte *whole = malloc(len);
        memcpy(whole, sent, len);
        interpreter_start(HEAP_SIZE);
        for (size_t n = 0; n < len; n++) {
            hold(whole, n);
            transfer_trust_t trust = TRANSFER_CODE;
            check_raised(interpreter_try(decode_as_x, &trust), &mp_type_ValueError);
        }
        hold(whole, len);
        check_quiet(receive(TRANSFER_CODE));
        free(whole);
    }
}

TEST(bytes_behind_the_value_are_refused) {
    CHECK_VALUE("\x00");
    CHECK_NOT_A_VALUE("\x00\x00");
    CHECK_NOT_A_VALUE("");
}

TEST(unknown_tags_are_refused) {
    for (unsigned tag = 0x17; tag < 0x100; tag++) {
        byte bytes[] = { tag, 0, 0, 0, 0 };
        hold(bytes, sizeof(bytes));
        check_not_a_value();
    }
}

TEST(a_size_has_64_bits) {
    CHECK_VALUE("\x05\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    check_in_python("x == (1 << 63) - 1");
    CHECK_VALUE("\x05\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    check_in_python("x == -(1 << 63)");
    CHECK_NOT_A_VALUE("\x05\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02");
    CHECK_NOT_A_VALUE("\x05\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00");
    CHECK_NOT_A_VALUE("\x0b\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" "abc");
}

TEST(long_integers_need_not_be_so_long) {
    CHECK_VALUE("\x06\x00");
    check_in_python("x == 0");
    CHECK_VALUE("\x07\x0c\x05\0\0\0\0\0\0\0\0\0\0\0");
    check_in_python("x == -5 and {x: 1}[-5] == 1");
}

TEST(a_container_longer_than_its_bytes_is_refused) {
    CHECK_NOT_A_VALUE("\x0e\x80\x80\x80\x80\x10");
    CHECK_NOT_A_VALUE("\x0f\x03\x00\x00");
    CHECK_NOT_A_VALUE("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x00");
    CHECK_NOT_A_VALUE("\x10\x02\x00\x00\x01");
    // Each for itself could have as many, but not all of them.
    CHECK_NOT_A_VALUE("\x0f\x03\x0f\x03\x0f\x03\x00\x00\x00");
}

TEST(what_is_allocated_has_its_bytes) {
    byte bytes[4096] = { 0 };
    for (unsigned i = 0; i + 3 <= 600; i += 3) {
        bytes[i] = 0x0f; // A list of about as many as follow, in a list of about as many as follow, ...
        bytes[i + 1] = 0x80 | ((sizeof(bytes) - 700) & 0x7f);
        bytes[i + 2] = (sizeof(bytes) - 700) >> 7;
    }
    hold(bytes, sizeof(bytes));
    check_not_a_value();
    gc_info_t info;
    gc_info(&info);
    CHECK(info.used < 64 * sizeof(bytes) + 16384);
}

TEST(keys_that_cannot_be_hashed_are_refused) {
    CHECK_NOT_A_VALUE("\x10\x01\x0f\x00\x00"); // {[]: None}
    CHECK_NOT_A_VALUE("\x11\x01\x10\x00"); // {{}}
    CHECK_NOT_A_VALUE("\x11\x01\x0e\x01\x0d\x00"); // {(bytearray(),)}
    CHECK_NOT_A_VALUE("\x12\x01\x13\x00\x00\x02"); // frozenset([range(0, 0)])
    CHECK_NOT_A_VALUE("\x11\x01\x0a\x00"); // A set of itself.
    CHECK_NOT_A_VALUE("\x0f\x02\x0f\x00\x11\x01\x0a\x01"); // [[], {the list}]
}

TEST(a_reference_forward_or_into_what_is_not_complete_is_refused) {
    CHECK_NOT_A_VALUE("\x0a\x00");
    CHECK_NOT_A_VALUE("\x0f\x01\x0a\x01");
    CHECK_VALUE("\x0f\x01\x0a\x00");
    check_in_python("x[0] is x");
    CHECK_NOT_A_VALUE("\x0e\x01\x0a\x00"); // A tuple of itself.
    CHECK_NOT_A_VALUE("\x0e\x01\x0f\x01\x0a\x00"); // The same, by way of a list.
    CHECK_NOT_A_VALUE("\x15\x14\x08" "builtins\x09" "Exception\x0e\x01\x0a\x00\x00");
}

TEST(a_reference_to_a_tuple_is_no_key) {
    CHECK_NOT_A_VALUE("\x0f\x02\x0e\x01\x01\x11\x01\x0a\x01"); // [(False,), {the tuple}]
}

TEST(text_that_is_not_utf_8_is_refused) {
    CHECK_NOT_A_VALUE("\x0b\x01\xff");
    CHECK_NOT_A_VALUE("\x0b\x02\xc3x");
}

TEST(too_deep_values_are_refused) {
    byte bytes[3 * TRANSFER_DEPTH_MAX];
    size_t len = 0;
    for (size_t i = 0; i < TRANSFER_DEPTH_MAX; i++) {
        bytes[len++] = 0x0e;
        bytes[len++] = 1;
    }
    bytes[len++] = 0;
    hold(bytes, len);
    check_quiet(receive(TRANSFER_DATA));
    bytes[len - 1] = 0x0e;
    bytes[len++] = 0;
    hold(bytes, len);
    check_not_a_value();
}

TEST(an_exception_is_of_an_exception_class_and_a_tuple) {
    CHECK_NOT_A_VALUE("\x15\x14\x08" "builtins\x03" "len\x0e\x00\x00");
    CHECK_NOT_A_VALUE("\x15\x14\x08" "builtins\x03" "int\x0e\x00\x00");
    CHECK_NOT_A_VALUE("\x15\x00\x0e\x00\x00");
    CHECK_NOT_A_VALUE("\x15\x14\x08" "builtins\x09" "Exception\x0f\x00\x00");
    CHECK_NOT_A_VALUE("\x15\x14\x08" "builtins\x09" "Exception\x0e\x00\x01\x0b\x01" "a\x00");
    CHECK_VALUE("\x15\x14\x08" "builtins\x09" "Exception\x0e\x00\x00");
}

TEST(names_that_builtins_lacks_are_refused) {
    CHECK_NOT_A_VALUE("\x14\x08" "builtins\x05" "ghost");
    CHECK_NOT_A_VALUE("\x14\x08" "builtins\x00");
    CHECK_NOT_A_VALUE("\x14\x04" "math\x04" "sqrt");
    CHECK_VALUE("\x14\x08" "builtins\x03" "len");
}

TEST(a_range_has_a_step_and_bounds_that_fit) {
    CHECK_NOT_A_VALUE("\x13\x00\x00\x00");
    CHECK_NOT_A_VALUE("\x13\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02"); // -(1 << 63)
    CHECK_VALUE("\x13\x00\xfd\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02");
    CHECK_VALUE("\x13\x00\x04\x02");
    check_in_python("x == range(2)");
}
