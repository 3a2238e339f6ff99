# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What crosses from one interpreter to another, and what does not."""

import pytest

from tests.guest.applications import Start, outcome
from tests.guest.conftest import Boot
from tests.guest.test_interpreters_api import INTERPRETERS
from tests.guest.test_python_threads import FREE_PAGES, booted, cpus
from tools.guest import Guest

VALUES = f"""{INTERPRETERS}
i, q = create(), create_queue()
def same(value): return value
def through(value): return i.call(same, value)
"""


def said(guest: Guest, code: str) -> list[str]:
    return guest.output_of(VALUES + code).splitlines()


def test_values_are_copied(shared_guest: Guest) -> None:
    """By a call, a queue and prepare_main(); of the same type each, and equal."""
    code = """
values = [
    None, True, False, Ellipsis, NotImplemented,
    0, -1, 2**30, -2**30, 2**61, 2**62, -2**62, 2**63, -2**63, 2**64, 10**100, -7**999,
    0.0, 1.5, -1e308, 5e-324, float('inf'), 1j, -2.5 + 3j,
    '', 'text', 'nul\\0', 'äöü€😀', 'x' * 100000, b'', b'\\0\\xff', bytes(100000), bytearray(b'ab'),
    (), (1,), [], [1, 'a'], {}, {1: 2, 'a': [3], None: (4, 5)}, set(), {1, 'b', (2, 3)},
    frozenset({1, 2}), range(0), range(1, 10, 3), range(-5, 2**40),
    [[[[]]], ({'a': ({1}, [b'x', bytearray(b'y')])},)], {(1, (2, frozenset({3}))): {4: {5: 6}}},
]
for value in values:
    q.put(value)
    i.prepare_main(x=value)
    for copy in (through(value), q.get(), i.call(lambda: x)):
        if type(copy) is not type(value) or copy != value: print(value, copy)
nan = through(float('nan'))
print(nan != nan, str(through(-0.0)), through(values) == values)
for value in ([1], {1: 2}, {1}, bytearray(b'a'), [object]):
    if through(value) is value: print('no copy', value)
a = [1]
i.call(lambda x: x.append(2), a)
print(a)
"""
    assert said(shared_guest, code) == ["True -0.0 True", "[1]"]


def test_what_is_one_object_stays_one(shared_guest: Guest) -> None:
    code = """
a, text, number = [1], 'long text ' * 9, 2**99
b = through([a, a, (a, {'k': a}), text, text])
b[0].append(2)
print(b[1], b[2], b[0] is b[1] is b[2][0] is b[2][1]['k'], b[3] is b[4], a)
args = i.call(lambda x, y, *, z: (x is y is z, x), a, a, z=a)
print(args)
loop = []
loop.append(loop)
knot = {}
knot['list'] = [knot, loop]
copy = through(knot)
print(copy['list'][0] is copy, copy['list'][1][0] is copy['list'][1], copy is knot)
t = ([],)
t[0].append(t)
print(kind(through, t))
deep = 0
for n in range(190): deep = [deep]
print(through(deep) == deep, kind(through, [[[[[[[[[[deep]]]]]]]]]]))
"""
    assert said(shared_guest, code) == [
        "[1, 2] ([1, 2], {'k': [1, 2]}) True True [1]",
        "(True, [1])",
        "True True False",
        "NotShareableError",
        "True RuntimeError",
    ]


@pytest.mark.parametrize(
    "value",
    [
        "object()",
        "iter([])",
        "(n for n in [])",
        "threading",
        "[].append",
        "i.exec",
        "Lock()",
        "memoryview(b'x')",
        "bytearray(b'x').extend",
        "__import__('array').array('i', [1])",
        "__import__('io').BytesIO(b'x')",
        "__import__('re').compile('x')",
        "__import__('collections').OrderedDict()",
        "__import__('collections').deque((), 3)",
        "__import__('collections').namedtuple('P', 'x')(1)",
        "Mine",
        "Mine()",
        "Mine().method",
        "Text('x')",
        "MineError('x')",
        "closure(1)",
        "native",
        "default_of_this",
        "Thread()",
    ],
)
def test_what_does_not_cross_changes_nothing(shared_guest: Guest, value: str) -> None:
    code = f"""
class Mine:
    def method(self): pass
class Text(str): pass
class MineError(Exception): pass
def closure(x): return lambda: x
@micropython.native
def native(): pass
def default_of_this(x=object()): pass
i.exec('called = 0')
def f(*args):
    global called
    called += 1
value = {value}
print(is_shareable(value), is_shareable([1, {{2: (value,)}}]))
q.put(1)
for call in (
    lambda: i.call(f, value), lambda: i.call(f, 1, [value]), lambda: i.prepare_main(a=1, b=value),
    lambda: q.put([2, value]), lambda: i.call(value),
):
    try: call()
    except NotShareableError: print('No', end=' ')
print(i.call(lambda: (called, 'a' in globals())), q.qsize(), q.get())
"""
    assert said(shared_guest, code) == ["False False", "No No No No No (0, False) 1 1"]


def test_is_shareable(shared_guest: Guest) -> None:
    code = """
print(all(is_shareable(x) for x in (
    None, 1, 2**99, 1.5, 'a', b'a', [], {}, (1, [2]), int, len, ValueError(1), same, lambda: 0,
    shared_memory(1), q, i, create, Interpreter, Thread, print,
)))
print(q.qsize(), kind(lambda: is_shareable()))
"""
    assert said(shared_guest, code) == ["True", "0 TypeError"]


def test_what_a_module_has_goes_by_name(shared_guest: Guest) -> None:
    """It is the receiver's own there: its module is imported."""
    code = """
import queue
from concurrent.interpreters import _dedent
for it in (int, object, print, ValueError, queue.Queue, queue.Empty, _dedent, create, time.sleep):
    if through(it) is not it: print(it)
print(i.call(_dedent, '  a'), i.call(lambda f, x: f(x), _dedent, '  b'))
def tell():
    import sys
    return 'queue' in sys.modules, 'threading' in sys.modules
j = create()
print(j.call(tell), j.call(lambda f: f.__name__, queue.Empty), j.call(tell)[0])
"""
    assert said(shared_guest, code) == ["a b", "(False, False) Empty True"]


def test_functions_of_main_cross_as_bytecode(shared_guest: Guest) -> None:
    code = """
def constants():
    "Text of no use."
    return 2**70, -1.5, 2j, 'some text', b'bytes', (1, ('a', None)), ..., True
print(i.call(constants) == constants())
def defaults(a, b=[2**70], *, c='c', d=None): return a, b, c, d
print(i.call(defaults, 1), i.call(defaults, 1, 2, d=3))
print(i.call(lambda x, y=3: x * y, 2), i.call(lambda *a, **k: (a, k), 1, b=2))
def generate(n):
    for k in range(n): yield k
print(i.call(lambda g, n: list(g(n)), generate, 4))
def outer(n):
    def inner(x): return x + n
    total = [inner(x) for x in range(3)]
    try: 1 // 0
    except ZeroDivisionError: total.append('caught')
    finally: total.append(sum(map(lambda x: x * n, (1, 2))))
    class C:
        def m(self): return n
    with Lock(): total.append(C().m())
    return total
i.exec('from threading import Lock')
print(i.call(outer, 10))
def makes(): return lambda x, y=5: (x, y)
made = i.call(makes)
print(made(1), made(1, y=2), i.call(made, 3), create().call(made, 4))
def uses(): return here
here = 'main'
print(kind(i.call, uses))
i.prepare_main(here='there')
print(i.call(uses), uses(), i.call(lambda: __name__))
i.prepare_main(twice=lambda f, x: f(f(x)))
i.exec('print(twice(lambda x: x * 3, 2))')
async def wait(x):
    import asyncio
    await asyncio.sleep_ms(1)
    return x
def run(f, x):
    import asyncio
    return asyncio.run(f(x))
print(i.call(run, wait, 6))
def long(n): pass
exec('def long(n):\\n' + ''.join(f'    if n == {k}: return {k} + {k}.5\\n' for k in range(600)))
print(i.call(long, 599))
def names(self_name, other_name): return self_name
print(i.call(names, self_name=1, other_name=2), names.__name__ == through(names).__name__)
"""
    assert said(shared_guest, code) == [
        "True",
        "(1, [1180591620717411303424], 'c', None) (1, 2, 'c', 3)",
        "6 ((1,), {'b': 2})",
        "[0, 1, 2, 3]",
        "[10, 11, 12, 'caught', 30, 10]",
        "(1, 5) (1, 2) (3, 5) (4, 5)",
        "ExecutionFailed",
        "there main __main__",
        "18",
        "6",
        "1198.5",
        "1 True",
    ]


def test_exceptions_are_values(shared_guest: Guest) -> None:
    code = """
import queue
for e in (ValueError('a', 1), KeyError(), OSError(2, 'x'), queue.Empty([1]), SystemExit(3)):
    copy = through(e)
    print(type(copy) is type(e), copy.args == e.args, copy is e, end=' ')
print()
e = queue.Full('text')
e.more = [e.args, 5]
copy = through(e)
print(copy.args, copy.more)
def fail():
    import queue
    e = queue.Empty('because')
    e.more = 7
    raise e
try: i.call(fail)
except ExecutionFailed as e: print(repr(e._exception), e._exception.more)
"""
    assert said(shared_guest, code) == [
        "True True False " * 5,
        "('text',) [('text',), 5]",
        "Empty('because',) 7",
    ]


def test_shared_memory(shared_guest: Guest) -> None:
    code = """
m = shared_memory(16)
print(type(m).__name__, len(m), bytes(m) == bytes(16))
def fill(view, value):
    for n in range(len(view)): view[n] = value
    return view
got = i.call(fill, m[4:8], 7)
print(bytes(m[3:9]), bytes(got), got is m)
got[1] = 9
print(bytes(m[3:9]), bytes(i.call(lambda v: v[1:3], got)), m[5])
a, b, c = through((m, m[2:], m[2:][3:5]))
a[5] = 1
print(b[3], c[0], len(b), len(c), m[5])
q.put(m); q.put(m[15:]); q.put(m[16:])
print([len(q.get()) for n in range(3)])
i.prepare_main(m=m)
i.exec('m[:3] = b"abc"; del m')
print(bytes(m[:4]), m == bytes(m), hash(bytes(m)) == hash(bytes(m)))
big = shared_memory(1 << 20)
big[-1] = 5
print(i.call(lambda v: (len(v), v[-1], v[0]), big))
for size in (0, -1, 'x', 1 << 45): print(kind(shared_memory, size), end=' ')
"""
    assert said(shared_guest, code) == [
        "memoryview 16 True",
        r"b'\x00\x07\x07\x07\x07\x00' b'\x07\x07\x07\x07' False",
        r"b'\x00\x07\t\x07\x07\x00' b'\t\x07' 9",
        "1 1 14 2 1",
        "[16, 1, 0]",
        r"b'abc\x00' True True",
        "(1048576, 5, 0)",
        "ValueError ValueError TypeError MemoryError ",
    ]


def test_shared_memory_lives_as_long_as_anybody_has_it(shared_guest: Guest) -> None:
    code = f"""
i.exec('from concurrent.interpreters import *')
def make(q):
    m = shared_memory(50000)
    m[40000] = 3
    q.put(m[40000:])
    return m[1:]
def free():
    gc.collect()
    return {FREE_PAGES}
view = i.call(make, q)
i.close()
gc.collect()
view[2] = 4
other = q.get()
print(view[39999], other[0], len(view), len(other))
other[1] = 5
print(view[40000])
other = None
gc.collect()
print(view[2], view[39999])
j = create()
j.exec('from concurrent.interpreters import *')
before = free()
for n in range(30): q.put(shared_memory(100000)); q.get()[99999] = 1
print(free() >= before - 3 * 102400)
j.exec('import gc\\nfor n in range(30): shared_memory(100000)[99999] = 1\\ngc.collect()')
print(free() >= before - 6 * 102400)
"""
    assert said(shared_guest, code) == ["3 3 49999 10000", "5", "4 3", "True", "True"]


@cpus
def test_large_values_cross_and_leave_nothing_behind(boot: Boot, cpus: int) -> None:
    code = f"""
big = [bytes(300000) + bytes([n]) for n in range(10)], list(range(20000))
def free():
    gc.collect()
    return {FREE_PAGES}
print(through(big) == big)
q.put(big)
print(q.get() == big)
before = free()
for n in range(5):
    q.put(big)
    q.get()
    i.call(len, big)
print(before - free() < 65536)
q.put(big); q.put(big)
q = None
print(before - free() < 65536)
"""
    assert said(booted(boot, cpus), code) == ["True", "True", "True", "True"]


def test_what_an_application_s_modules_have(start: Start) -> None:
    """Frozen, added to the firmware, and as an initramfs: a module is imported where it goes."""
    main = """
import gc, sys
from concurrent.interpreters import *
import work, pack.part
from work import Point, WorkError, double

i, q = create(), create_queue()
print(i.call(work.double, 4), i.call(double, 5), i.call(pack.part.triple, 2))
print(i.call(work.count), i.call(work.count), work.count())
print(i.call(lambda f: f is __import__('work').double, double))
print(i.call(sorted, [1, 3, -2], key=work.key))
point = i.call(work.mirror, Point(1, [2]))
print(type(point) is Point, point.x, point.y, i.call(work.is_point, point))
q.put([point, point])
a, b = q.get()
print(a.x, a is b, a is point)
try: i.call(work.fail, 'why')
except ExecutionFailed as e:
    print(e.excinfo.formatted, type(e._exception) is WorkError, e._exception.more)
    print('work.py' in e.excinfo.errdisplay)
def mine(x, y=(2**70, 'constant')): return x, y
print(i.call(mine, 1))
def uses_main(): return mine(1)
try: i.call(uses_main)
except ExecutionFailed as e: print(e.excinfo.formatted)
print(is_shareable(work.Odd()), is_shareable(work.unbound), is_shareable(work.nameless[0]))
i.exec('import work, sys; print(work.double(8), sys.argv, __name__)')
print(work.in_a_pool([1, 2, 3]))
"""
    work = """
from concurrent.futures import InterpreterPoolExecutor
calls = 0
class WorkError(Exception): pass
class Point:
    def __init__(self, x, y): self.x, self.y = x, y
    def __reduce__(self): return Point, (self.x, self.y)
class Odd:
    def __reduce__(self): return 'Odd'
def double(x): return 2 * x
def key(x): return x * x
def mirror(point): return Point(-point.x, point.y)
def is_point(point): return isinstance(point, Point)
def count():
    global calls
    calls += 1
    return calls
def fail(text):
    e = WorkError(text)
    e.more = Point(3, 4).x
    raise e
def make(x):
    def unbound(): return x
    return unbound
unbound = make(1)
nameless = [lambda: 0]
def in_a_pool(items):
    with InterpreterPoolExecutor(2) as executor:
        return list(executor.map(double, items))
"""
    files = {
        "main.py": main,
        "work.py": work,
        "pack/__init__.py": "",
        "pack/part.py": "from work import double\ndef triple(x): return double(x) + x\n",
    }
    status, output, error = outcome(start, files, "--cmdline-argument")
    assert error == b""
    assert output.decode().splitlines() == [
        "8 10 6",
        "1 2 1",
        "True",
        "[1, -2, 3]",
        "True -1 [2] True",
        "-1 True False",
        "work.WorkError: why True 3",
        "True",
        "(1, (1180591620717411303424, 'constant'))",
        "NameError: name 'mine' isn't defined",
        "False True False",
        "16 ['main.py', '--cmdline-argument'] __main__",
        "[2, 4, 6]",
    ]
    assert status == 0


def test_an_application_s_files_are_read_everywhere(start: Start) -> None:
    """The RAM disk is the main interpreter's."""
    main = """
from concurrent.interpreters import *
open('/note.txt', 'w').write('mine')
def look():
    import os
    def kind(f, *args):
        try: return f(*args)
        except OSError as e: return e.errno
    print(open('data.txt').read(), open('/rom/data.txt').read(), os.getcwd(), os.listdir('/'))
    print(kind(open, '/note.txt'), kind(open, '/new.txt', 'w'), kind(open, 'new.txt', 'w'))
create().call(look)
"""
    status, output, _ = outcome(start, {"main.py": main, "data.txt": "text"})
    lines = output.decode().splitlines()
    assert (status, lines) == (0, ["text text /rom ['rom']", "19 19 30"])
