/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "py/gc.h"
#include "py/objfun.h"

#include "tests/host/transfer_world.h"
#include "tests/host/unit.h"

static const char fruit[] =
    "import math\n"
    "loaded = True\n"
    "def peel(n): return n * factor\n"
    "factor = 10\n"
    "def outer():\n"
    "    y = 5\n"
    "    def inner(): return y\n"
    "    return inner\n"
    "closed = outer()\n"
    "open_lambda = [lambda: 1]\n"
    "class Rotten(ValueError):\n"
    "    def __init__(self, days):\n"
    "        super().__init__('rotten', days)\n"
    "        self.days = days\n"
    "class Half(Exception):\n"
    "    def __init__(self): pass\n"
    "@micropython.native\n"
    "def native(n): return n\n"
    "def seeds():\n"
    "    yield 1\n"
    "renamed = seeds\n"
    "del seeds\n";

static void add_fruit(void) {
    interpreter_add_module("fruit.py", fruit);
}

TEST(builtin_functions_and_types_cross_by_name) {
    cross("import math", "[len, int, ValueError, math.sqrt, type, print, object]");
    exec("import math");
    check_in_python("x == [len, int, ValueError, math.sqrt, type, print, object] and x[3](9) == 3");
}

TEST(functions_of_a_module_cross_by_name_and_import_it) {
    add_fruit();
    cross("import fruit", "[fruit.peel, fruit.closed, fruit.Rotten, fruit.renamed, fruit.native]");
    exec("import sys\nassert sys.modules['fruit'].loaded");
    exec("import fruit");
    check_in_python("x == [fruit.peel, fruit.closed, fruit.Rotten, fruit.renamed, fruit.native] and x[0](4) == 40");
}

TEST(the_module_that_made_it_is_named) {
    interpreter_add_module("basket.py", "from fruit import *\nfrom math import sqrt\n");
    add_fruit();
    cross("from basket import *", "[peel, Rotten, closed, renamed, sqrt]");
    exec("import sys\nassert 'basket' not in sys.modules\nimport basket");
    check_in_python("x == [basket.peel, basket.Rotten, basket.closed, basket.renamed, basket.sqrt]");
}

TEST(modules_of_packages_are_imported) {
    interpreter_add_module("tree/__init__.py", "");
    interpreter_add_module("tree/branch.py", "def f(): return __name__\n");
    cross("import tree.branch", "tree.branch.f");
    check_in_python("x() == 'tree.branch'");
}

TEST(what_its_module_does_not_know_is_refused) {
    add_fruit();
    check_refused("import fruit", "fruit.open_lambda[0]");
    check_refused("import fruit\nf = fruit.peel\ndel fruit.peel", "f");
    check_refused("class C: pass", "C");
    check_refused("", "'a'.upper");
    check_refused("", "str.upper");
}

TEST(a_module_that_the_receiver_lacks_is_an_import_error) {
    HELD("\x14\x05ghost\x01" "f");
    check_raised(receive(TRANSFER_CODE), &mp_type_ImportError);
    HELD("\x14\x04math\x05ghost");
    check_raised(receive(TRANSFER_CODE), &mp_type_AttributeError);
}

TEST(functions_of_main_cross_as_bytecode) {
    cross("def f(a, b): return a * b", "f");
    check_in_python("x(6, 7) == 42 and x(b='b', a=2) == 'bb' and x.__name__ == 'f'");
    cross("", "lambda *a, **k: (a, sorted(k.items()))");
    check_in_python("x(1, 2, z=3) == ((1, 2), [('z', 3)])");
    cross("def g(n):\n for i in range(n):\n  yield i * i", "g");
    check_in_python("list(x(4)) == [0, 1, 4, 9]");
    cross("async def c(): return 5", "c");
    exec("try:\n x().send(None)\nexcept StopIteration as e: assert e.value == 5");
}

TEST(constants_of_a_function_cross) {
    cross("def f(): return (1 << 70, 1.5, 'more than a name ' * 9, b'b', (1, ('t', None)), ..., 123456789012)", "f");
    check_in_python("x() == (1 << 70, 1.5, 'more than a name ' * 9, b'b', (1, ('t', None)), ..., 123456789012)");
    cross("def f(): return 0.1234567890123456789 + 1e-300", "f");
    check_in_python("x() == 0.1234567890123456789 + 1e-300");
}

TEST(default_arguments_cross) {
    cross("d = []\ndef f(a, b=d, *, c={'k': d}, e=3): return b, c, e, a", "(d, f)");
    check_in_python("x[1](1) == ([], {'k': []}, 3, 1) and x[1](1)[0] is x[0] and x[1](1)[1]['k'] is x[0]");
    check_in_python("x[1](2, 5, e=4) == (5, {'k': []}, 4, 2)");
    cross("def f(*, c=1): return c", "f");
    check_in_python("x() == 1 and x(c=2) == 2");
    check_refused("def f(a=object()): pass", "f");
    check_refused("def f(*, a=object()): pass", "f");
}

TEST(the_globals_are_the_receivers_main) {
    cross("y = 1\ndef f(): return y", "f");
    exec("try:\n x()\n assert False\nexcept NameError: pass");
    exec("y = 2");
    check_in_python("x() == 2");
    cross("def f():\n global made\n made = 5", "f");
    exec("x()");
    check_in_python("made == 5");
}

TEST(a_function_that_makes_functions_crosses) {
    cross("def f(n):\n"
        "    def g(k, m=n): return [n * k + m for i in (1, 2)]\n"
        "    class C:\n"
        "        def h(self): return lambda: n\n"
        "    return g, C\n", "f");
    check_in_python("x(10)[0](3) == [40, 40] and x(7)[1]().h()() == 7");
    cross("def f(xs): return {k: v for k, v in xs}, {v for k, v in xs}, sum(v for k, v in xs)", "f");
    check_in_python("x([(1, 2), (3, 4)]) == ({1: 2, 3: 4}, {2, 4}, 6)");
}

TEST(all_ways_through_a_function_cross) {
    cross("def f(n):\n"
        "    out = []\n"
        "    for i in range(n):\n"
        "        try:\n"
        "            if i == 1: continue\n"
        "            if i == 4: break\n"
        "            if i == 2: raise KeyError(i)\n"
        "            out.append(i)\n"
        "        except KeyError as e:\n"
        "            out.append(e.args)\n"
        "        finally:\n"
        "            out.append('f')\n"
        "    else:\n"
        "        return out + ['else']\n"
        "    while True:\n"
        "        n -= 1\n"
        "        if n < 3 or (n > 100 and out): return out\n"
        "    return 'never'\n", "f");
    check_in_python("x(3) == [0, 'f', 'f', (2,), 'f', 'else'] and x(9) == [0, 'f', 'f', (2,), 'f', 3, 'f', 'f']");
    cross("def f(n):\n while 1:\n  n += 1\n  if n > 5: raise ValueError(n)", "f");
    exec("try:\n x(1)\n assert False\nexcept ValueError as e: assert e.args == (6,)");
    cross("def f(a):\n return a\n while a: print(a)\n return 3", "f");
    check_in_python("x(4) == 4");
    // Jumps of two bytes.
    cross("exec('def f(a):\\n if a:\\n' + '  a = a * 3 + len(\"abc\") - 2 \\n' * 200 + '  return a\\n return 0')\n",
        "f");
    check_in_python("x(0) == 0 and x(1) > 3 ** 200");
}

TEST(a_module_with_many_names_crosses) {
    cross("exec('\\n'.join('name%d = %d' % (i, i) for i in range(400))"
        " + '\\ndef last(): return name399, text\\ntext = \"t\"')", "last");
    exec("name399 = 1\ntext = 2");
    check_in_python("x() == (1, 2) and x.__name__ == 'last'");
    CHECK(sent_len < 100);
}

TEST(closures_methods_and_machine_code_are_refused) {
    CHECK_TEXT(check_refused("def f(y): return lambda: y", "f(1)"), "'closure' object can't be shared");
    check_refused("", "[].append");
    check_refused("class C:\n def m(self): pass", "C().m");
    check_refused("@micropython.native\ndef f(): pass", "f");
    check_refused("@micropython.native\ndef f(): yield", "f");
    check_refused("@micropython.viper\ndef f(): pass", "f");
    check_refused("def f():\n @micropython.native\n def g(): pass", "f");
    check_refused("g = {}\nexec('def f(): pass', g)", "g['f']");
}

TEST(the_same_function_stays_one) {
    cross("def f(): pass", "[f, f, {f: f}, len, len]");
    check_in_python("x[0] is x[1] and x[2][x[0]] is x[0] and x[3] is len and x[4] is len");
}

TEST(a_function_can_be_sent_on) {
    cross("def f(a=[1]):\n def g(): return 'g'\n return g() + a[0] * 'x'", "f");
    byte *first = sent;
    size_t first_len = sent_len;
    sent = NULL;
    check_quiet(interpreter_try(encode_expression, "x"));
    CHECK(sent_len == first_len && memcmp(sent, first, sent_len) == 0);
    free(first);
    check_quiet(receive(TRANSFER_CODE));
    check_in_python("x() == 'gx'");
}

/* Frozen code and that of a ROMFS lies in ROM, and whatever lies behind it. */
TEST(bytecode_in_rom_crosses) {
    interpreter_start(HEAP_SIZE);
    exec("def f(n):\n while n > 3: n -= 1\n return n");
    mp_obj_fun_bc_t *function = MP_OBJ_TO_PTR(mp_load_global(qstr_from_str("f")));
    check_quiet(interpreter_try(encode_expression, "f"));
    size_t heap_len = sent_len;
    size_t len = gc_nbytes(function->bytecode);
    byte *rom = malloc(len + 64);
    memcpy(rom, function->bytecode, len);
    size_t used = len;
    while (!rom[used - 1]) {
        used--;
    }
    memset(rom + used, 0xff, len + 64 - used);
    function->bytecode = rom;
    check_quiet(interpreter_try(encode_expression, "f"));
    CHECK_EQ(sent_len, heap_len);
    free(rom);
    check_quiet(receive(TRANSFER_CODE));
    check_in_python("x(9) == 3");
}

TEST(exceptions_cross) {
    cross("", "[ValueError('bad', 5), OSError(2), KeyError(), StopIteration([1])]");
    check_in_python("[type(e) for e in x] == [ValueError, OSError, KeyError, StopIteration]");
    check_in_python("[e.args for e in x] == [('bad', 5), (2,), (), ([1],)] and x[1].errno == 2 and x[3].value == [1]");
    cross("try: 1 / 0\nexcept ZeroDivisionError as e: error = e", "error");
    check_in_python("type(x) is ZeroDivisionError and x.args == ('divide by zero',)");
    cross("e = ValueError(1)", "[e, e, e.args]");
    check_in_python("x[0] is x[1] and x[2] == (1,)");
}

TEST(exceptions_of_a_module_cross_with_their_attributes) {
    add_fruit();
    cross("import fruit\ne = fruit.Rotten(3)\ne.note = ['n']", "e");
    exec("import fruit");
    check_in_python("type(x) is fruit.Rotten and x.args == ('rotten', 3) and x.days == 3 and x.note == ['n']");
    exec("try: raise x\nexcept ValueError as e: assert str(e) == \"('rotten', 3)\"");
    cross("import fruit", "fruit.Half()");
    check_in_python("x.args == ()");
    check_refused("class E(Exception): pass", "E()");
    check_refused("", "ValueError(object())");
    check_refused("import fruit\ne = fruit.Rotten(3)\ne.note = object()", "e");
}

TEST(untrusted_bytes_bring_no_code) {
    add_fruit();
    check_quiet(send("import fruit", "fruit.peel"));
    check_raised(receive(TRANSFER_DATA), &mp_type_ValueError);
    exec("import sys\nassert 'fruit' not in sys.modules");
    check_quiet(send("", "lambda: 1"));
    check_raised(receive(TRANSFER_DATA), &mp_type_ValueError);
    check_quiet(send("", "[len, ValueError('x')]"));
    check_quiet(receive(TRANSFER_DATA));
    check_in_python("x[0] is len and x[1].args == ('x',)");
}
