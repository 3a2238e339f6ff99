# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Recursion without end is a RuntimeError, however it comes about, and leaves a working prompt."""

from textwrap import indent

import pytest

from tools.guest import Guest

NESTED_DICT = "l = {}\nfor _ in range(200_000): l = {1: l}\n"
NESTED_TUPLE = "l = ()\nfor _ in range(200_000): l = (l,)\n"
NESTED = "l = []\nfor _ in range(200_000): l = [l]\n"

# The body of each is what recurses.
CASES = {
    "function": "def f(): f()\nf()",
    "function with many locals": (
        "def f(" + ", ".join(f"a{i}=0" for i in range(60)) + "): return f()\nf()"
    ),
    "lambda": "f = lambda: f()\nf()",
    "method": "class A:\n    def f(self): self.f()\nA().f()",
    "attribute": "class A:\n    def __getattr__(self, name): return getattr(self, name)\nA().x",
    "operator": "class A:\n    def __add__(self, other): return self + other\nA() + 1",
    "comparison": "class A:\n    def __eq__(self, other): return self == other\nA() == 1",
    "printing": "class A:\n    def __repr__(self): return repr(self)\nprint(A())",
    "generator": "def g(): yield from g()\nnext(g())",
    "native function": "@micropython.native\ndef f(): f()\nf()",
    "viper function": "@micropython.viper\ndef f(): f()\nf()",
    "native function with a huge frame": (
        "exec('@micropython.native\\ndef f(n):\\n'\n"
        "    + ''.join(f'  a{i} = n\\n' for i in range(6000)) + '  return f(n)\\n', globals())\n"
        "f(0)"
    ),
    "size of a structure": "import uctypes\nd = {}\nd['a'] = (0, d)\nuctypes.sizeof(d)",
    "deep calls": "eval('f(' * 11_000 + '1' + ')' * 11_000)",
    "key of a sort": "def f(x): return sorted([1, 2], key=f)\nf(0)",
    "map": "def f(x): return list(map(f, [x]))\nf(0)",
    "exec": "code = 'exec(code)'\nexec(code)",
    "repr of a deep list": NESTED + "repr(l)",
    "comparison of deep lists": NESTED + "m = l\n" + NESTED + "l == m",
    "json of a deep list": NESTED + "import json\njson.dumps(l)",
    "order of deep lists": NESTED + "m = l\n" + NESTED + "l < m",
    "comparison of deep dicts": NESTED_DICT + "m = l\n" + NESTED_DICT + "l == m",
    "comparison of deep tuples": NESTED_TUPLE + "m = l\n" + NESTED_TUPLE + "l == m",
    "hash of a deep tuple": NESTED_TUPLE + "hash(l)",
    "deep iterator": "l = iter([])\nfor _ in range(200_000): l = map(str, l)\nnext(l)",
    "deep expression": "x = 1\neval('-' * 40_000 + 'x')",
    "deep comparison of sets": (
        "class A:\n"
        "    def __hash__(self): return 1\n"
        "    def __eq__(self, other): return {self} == {other}\n"
        "A() == A()"
    ),
    "import": (
        "with open('again.py', 'w') as file:\n"
        "    file.write('import sys\\nsys.modules.clear()\\nimport again')\n"
        "import again"
    ),
    "hash": "class A:\n    def __hash__(self): return hash(self)\n{A(): 1}",
    "coroutine": "async def f(): await f()\nimport asyncio\nasyncio.run(f())",
}


@pytest.mark.parametrize("code", CASES.values(), ids=CASES)
def test_endless_recursion_is_an_exception(shared_guest: Guest, code: str) -> None:
    # Caught: a traceback of thousands of lines would take minutes on a slow serial line.
    program = "import micropython\ntry:\n" + indent(code, "    ")
    program += "\nexcept RuntimeError as error:\n    print(error)"
    output = shared_guest.output_of(program, 30 + shared_guest.timeout)
    assert output.splitlines()[-1] == "maximum recursion depth exceeded"
    assert shared_guest.eval("6 * 7") == 42


def test_uncaught_recursion_leaves_a_prompt(shared_guest: Guest) -> None:
    _, traceback = shared_guest.exec("l = []\nl.append(l)\nm = []\nm.append(m)\nl == m")
    assert traceback.splitlines()[-1] == "RuntimeError: maximum recursion depth exceeded"
    assert shared_guest.eval("6 * 7") == 42


def test_recursion_can_be_caught_again_and_again(shared_guest: Guest) -> None:
    output = shared_guest.output_of(
        "def f(n):\n"
        "    global depth\n"
        "    depth = n\n"
        "    f(n + 1)\n"
        "depths = set()\n"
        "for _ in range(20):\n"
        "    try:\n"
        "        f(0)\n"
        "    except RuntimeError:\n"
        "        depths.add(depth)\n"
        "print(len(depths), depths.pop() > 1000)"
    )
    assert output == "1 True\n"


def test_callback_on_a_nearly_full_stack(shared_guest: Guest) -> None:
    """The handler of a timer needs stack too."""
    output = shared_guest.output_of(
        "import machine, time\n"
        "hits = 0\n"
        "def callback(timer):\n"
        "    global hits\n"
        "    hits += 1\n"
        "timer = machine.Timer(period=1, callback=callback)\n"
        "def f(n): return f(n + 1)\n"
        "end = time.ticks_ms() + 1000\n"
        "while time.ticks_ms() < end:\n"
        "    try:\n"
        "        f(0)\n"
        "    except RuntimeError:\n"
        "        pass\n"
        "timer.deinit()\n"
        "print(hits > 0)",
        30 + shared_guest.timeout,
    )
    assert output.endswith("True\n")
