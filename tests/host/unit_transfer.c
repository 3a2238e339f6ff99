/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "py/gc.h"
#include "py/objlist.h"

#include "tests/host/transfer_world.h"
#include "tests/host/unit.h"

/* Crosses, is equal and of the same type. */
static void check_copy(const char *expression) {
    static char condition[1024];
    cross("", expression);
    snprintf(condition, sizeof(condition), "type(x) is type(%s) and repr(x) == repr(%s)", expression, expression);
    check_in_python(condition);
}

TEST(singletons_are_the_receivers_own) {
    static const char *const all[] = { "None", "False", "True", "...", "NotImplemented" };
    for (size_t i = 0; i < MP_ARRAY_SIZE(all); i++) {
        char condition[64];
        cross("", all[i]);
        snprintf(condition, sizeof(condition), "x is %s", all[i]);
        check_in_python(condition);
    }
}

TEST(integers_of_any_size_cross) {
    static const char *const all[] = {
        "0", "1", "-1", "63", "64", "-64", "-65", "127", "128", "1 << 61", "-(1 << 61)", "(1 << 62) - 1", "1 << 62",
        "-(1 << 62)", "-(1 << 62) - 1", "(1 << 63) - 1", "1 << 63", "-(1 << 63)", "-(1 << 63) - 1", "(1 << 64) - 1",
        "1 << 64", "-(1 << 64)", "1 << 127", "(1 << 128) - 1", "-(1 << 128)", "1 << 2000", "-(7 ** 999)",
        "(1 << 70) - (1 << 70)", "(1 << 70) - (1 << 70) - 5",
    };
    for (size_t i = 0; i < MP_ARRAY_SIZE(all); i++) {
        check_copy(all[i]);
        char condition[128];
        snprintf(condition, sizeof(condition), "x == (%s) and x + 1 == (%s) + 1 and hash(x) == hash(%s)",
            all[i], all[i], all[i]);
        check_in_python(condition);
    }
}

TEST(floats_cross_to_the_last_bit) {
    check_copy("0.1 + 0.2");
    check_copy("float('inf')");
    cross("", "-0.0");
    check_in_python("str(x) == '-0.0'");
    cross("", "float('nan')");
    check_in_python("x != x");
    cross("", "(0.1 + 0.7) * 10");
    check_in_python("x == (0.1 + 0.7) * 10 and x != 8");
    cross("", "complex(1.5, -2.25)");
    check_in_python("type(x) is complex and x == complex(1.5, -2.25)");
}

TEST(texts_and_bytes_cross) {
    check_copy("''");
    check_copy("'len'");
    check_copy("'no name of anything: \\u20ac \\U0001f600\\0'");
    check_copy("'long ' * 1000");
    check_copy("b''");
    check_copy("b'\\0\\xff' * 300");
    check_copy("bytearray()");
    check_copy("bytearray(b'abc')");
    cross("", "bytearray(b'abc')");
    exec("x.append(5)");
    check_in_python("x == b'abc\\x05'");
}

TEST(containers_cross) {
    check_copy("()");
    check_copy("(1, 'two', 3.0)");
    check_copy("[]");
    check_copy("[1, [2, [3, []]], ()]");
    check_copy("{}");
    cross("", "{1: 'one', 'two': 2, (3, 'x'): [3], None: {}, 2.5: b''}");
    check_in_python("type(x) is dict and x == {1: 'one', 'two': 2, (3, 'x'): [3], None: {}, 2.5: b''}");
    cross("", "{'a', 1, (2, 3), frozenset([4])}");
    check_in_python("type(x) is set and x == {'a', 1, (2, 3), frozenset([4])}");
    cross("", "frozenset(range(100))");
    check_in_python("type(x) is frozenset and x == frozenset(range(100)) and hash(x) == hash(frozenset(range(100)))");
    cross("", "set()");
    check_in_python("type(x) is set and not x");
    check_copy("range(3)");
    check_copy("range(10, -20, -3)");
    cross("", "{i: str(i) for i in range(500)}");
    check_in_python("x == {i: str(i) for i in range(500)} and 500 not in x and list(x.items())[-1][0] in x");
}

TEST(a_copied_list_can_grow) {
    cross("", "[[], [1], {}, set()]");
    exec("x[0].append(2)\nx[1].extend(range(50))\nx[2]['a'] = 1\nx[3].add(1)\nx.append(3)");
    check_in_python("x == [[2], [1] + list(range(50)), {'a': 1}, {1}, 3]");
}

TEST(what_is_one_object_stays_one) {
    cross("a = [1]\nt = (a,)\ns = 'text' * 9\nf = frozenset([1])", "[a, a, t, t, {'k': a}, s, s, f, f, [1]]");
    check_in_python("x[0] is x[1] and x[2] is x[3] and x[2][0] is x[0] and x[4]['k'] is x[0]");
    check_in_python("x[5] is x[6] and x[7] is x[8] and x[9] is not x[0] and x[9] == x[0]");
}

TEST(an_alias_is_small) {
    cross("a = 'x' * 10000", "[a] * 100");
    CHECK(sent_len < 10500);
    cross("a = ()\nfor i in range(100): a = (a, a)", "a"); // 2 ** 100 tuples, but for the sameness of some.
    CHECK(sent_len < 1000);
    check_in_python("x[0] is x[1] and x[0][1] is x[1][0]");
}

TEST(lists_and_dicts_may_contain_themselves) {
    cross("a = [1]\na.append(a)", "a");
    check_in_python("x[0] == 1 and x[1] is x and len(x) == 2");
    cross("a = {}\na['me'] = [a, (a,)]", "a");
    check_in_python("x['me'][0] is x and x['me'][1][0] is x");
}

TEST(a_tuple_that_contains_itself_is_refused) {
    CHECK_TEXT(check_refused("a = []\nt = (a,)\na.append(t)", "t"), "'tuple' object contains itself");
    check_refused("e = ValueError([])\ne.args[0].append(e)", "e");
    check_refused("def f(a=[]): return a\nf().append(f)", "f");
}

TEST(keys_are_written_in_full) {
    cross("t = (1, ('two', 'two'))", "[t, {t: t}, {t}, {(t, t): frozenset([t])}]");
    check_in_python("x == [(1, ('two', 'two')), {x[0]: x[0]}, {x[0]}, {(x[0], x[0]): frozenset([x[0]])}]");
    check_in_python("x[1][x[0]] is x[0]");
    // A function in a key is hashed by its address: what it holds is no part of the key.
    cross("d = [1]\ndef f(a=(d, d)): return a", "{(f, 1): (d, f)}");
    check_in_python("list(x)[0][0] is list(x.values())[0][1] and list(x)[0][0]()[0] is list(x.values())[0][0]");
}

TEST(other_types_are_refused) {
    CHECK_TEXT(check_refused("", "object()"), "'object' object can't be shared");
    check_refused("class L(list): pass", "L()");
    check_refused("class D(dict): pass", "[D()]");
    check_refused("class I(int): pass", "I(5)");
    check_refused("class S(str): pass", "{S('a'): 1}");
    check_refused("from collections import namedtuple", "namedtuple('P', 'x y')(1, 2)");
    check_refused("from collections import OrderedDict", "OrderedDict()");
    check_refused("from collections import deque", "deque((), 3)");
    check_refused("from array import array", "array('i', [1])");
    check_refused("", "memoryview(b'abc')");
    check_refused("", "iter([1])");
    check_refused("import math", "math");
    check_refused("", "(i for i in 'abc')");
}

TEST(nesting_has_a_limit) {
    cross("a = []\nfor i in range(199): a = [a]", "a");
    exec("n = 1\nwhile x: x = x[0]; n += 1");
    check_in_python("n == 200");
    check_raised(send("a = []\nfor i in range(200): a = [a]", "a"), &mp_type_RuntimeError);
    check_raised(send("a = 1\nfor i in range(201): a = (a,)", "{a}"), &mp_type_RuntimeError);
}

TEST(an_encoding_is_appended) {
    interpreter_start(HEAP_SIZE);
    vstr_t bytes;
    vstr_init(&bytes, 4);
    vstr_add_str(&bytes, "head");
    transfer_encode(mp_obj_new_int(5), &bytes, NULL);
    CHECK(bytes.len == 6 && memcmp(bytes.buf, "head\x05\x0a", 6) == 0);
}

/* Takes an item from the list `victim` when it is collected, as a file on a block device written in Python could. */
static mp_obj_t shorten(mp_obj_t self) {
    (void)self;
    mp_obj_list_t *victim = MP_OBJ_TO_PTR(mp_load_global(qstr_from_str("victim")));
    victim->len--;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(shorten_obj, shorten);
static const mp_rom_map_elem_t trap_table[] = {
    { MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&shorten_obj) },
};
static MP_DEFINE_CONST_DICT(trap_dict, trap_table);
static MP_DEFINE_CONST_OBJ_TYPE(trap_type, MP_QSTR_object, MP_TYPE_FLAG_NONE, locals_dict, &trap_dict);

static void encode_victim(void *context) {
    (void)context;
    vstr_t bytes;
    vstr_init(&bytes, 1);
    transfer_encode(mp_load_global(qstr_from_str("victim")), &bytes, NULL);
}

TEST(a_list_that_a_finaliser_changes_is_refused) {
    interpreter_start(HEAP_SIZE);
    exec("victim = [str(i) for i in range(500)]");
    for (size_t i = 0; i < 10; i++) {
        (void)mp_obj_malloc_with_finaliser(mp_obj_base_t, &trap_type);
    }
    // The collector is to run when the list has begun.
    gc_info_t info;
    do {
        (void)m_new(byte, 256);
        gc_info(&info);
    } while (info.max_free * MICROPY_BYTES_PER_GC_BLOCK > 4096);
    check_raised(interpreter_try(encode_victim, NULL), &mp_type_RuntimeError);
}

TEST(too_little_memory_is_a_memory_error) {
    check_raised(send("a = [bytes(50000) for i in range(3)]", "a"), &mp_type_MemoryError);
    check_quiet(send("", "[[]] + [[i] for i in range(1500)]"));
    interpreter_start(64 * 1024);
    transfer_trust_t trust = TRANSFER_DATA;
    check_raised(interpreter_try(decode_as_x, &trust), &mp_type_MemoryError);
}
