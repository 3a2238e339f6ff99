# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""InterpreterPoolExecutor: what CPython's documentation says of it."""

import pytest

from tests.guest.applications import Start, outcome
from tests.guest.conftest import Boot
from tests.guest.test_interpreters_api import INTERPRETERS
from tests.guest.test_python_threads import booted, check_interrupted, cpus
from tools.guest import Guest

POOLS = f"""{INTERPRETERS}
import asyncio, os
from concurrent.futures import *
from concurrent.futures import InterpreterPoolExecutor
from concurrent.futures.interpreter import BrokenInterpreterPool
from concurrent.futures.thread import BrokenThreadPool
def slow(result, ms=20):
    import time
    time.sleep_ms(ms)
    return result
def whose():
    from concurrent.interpreters import get_current
    return get_current().id
"""


def said(guest: Guest, code: str) -> list[str]:
    return guest.output_of(POOLS + code).splitlines()


def test_results(shared_guest: Guest) -> None:
    code = """
with InterpreterPoolExecutor() as e:
    f = e.submit(pow, 2, 10)
    print(f.result(), f.exception(), f.done(), f.running(), f.cancelled(), f.cancel())
    print(e.submit(lambda a, b=1: (a, [b]), 1, b=2).result(timeout=10))
    print(list(e.map(lambda x, y: x * y, range(5), [2] * 5)), list(e.map(abs, [])))
    print(list(e.map(slow, [60, 1, 30], [60, 1, 30], buffersize=2)))
    print(e.submit(whose).result() in ids(), e.submit(lambda: __name__).result())
    a = [1]
    f = e.submit(lambda x: x.append(2) or x, a)
    print(f.result(), a)
    print(e._max_workers == os.process_cpu_count(), isinstance(e, ThreadPoolExecutor))
print(f.result(), active_count(), ids())
for call in (e.submit, e.map): print(kind(call, pow, [1], [1]))
"""
    assert said(shared_guest, code) == [
        "1024 None True False False False",
        "(1, [2])",
        "[0, 2, 4, 6, 8] []",
        "[60, 1, 30]",
        "True __main__",
        "[1, 2] [1]",
        "True True",
        "[1, 2] 1 [0]",
        "RuntimeError",
        "RuntimeError",
    ]


def test_exceptions(shared_guest: Guest) -> None:
    """As they are where they cross; otherwise ExecutionFailed tells of them."""
    code = """
def raises(e): raise e
def mine():
    class Mine(Exception): pass
    raise Mine('text')
def more():
    import queue
    e = queue.Full('full')
    e.more = 5
    raise e
with InterpreterPoolExecutor(1) as e:
    for what in (KeyError('k', 2), OSError(2), ValueError(), SystemExit(3)):
        f = e.submit(raises, what)
        print(repr(f.exception()), kind(f.result), f.done())
    f = e.submit(more)
    print(repr(f.exception()), f.exception().more)
    f = e.submit(mine)
    print(kind(f.result), f.exception().excinfo.formatted)
    for call in (len, 5), (lambda: object(),), (pow, 1, object()):
        print(repr(e.submit(*call).exception()))
    results = e.map(lambda x: 1 // x, [1, 0, 1])
    print(next(results), kind(next, results), kind(next, results))
    print(e.submit(abs, -1).result())
"""
    assert said(shared_guest, code) == [
        "KeyError('k', 2) KeyError True",
        "OSError(2,) OSError True",
        "ValueError() ValueError True",
        "SystemExit(3,) SystemExit True",
        "Full('full',) 5",
        "ExecutionFailed Mine: text",
        "TypeError(\"object of type 'int' has no len()\",)",
        "NotShareableError(\"'object' object can't be shared\",)",
        "NotShareableError(\"'object' object can't be shared\",)",
        "1 ZeroDivisionError StopIteration",
        "1",
    ]


def test_workers_are_interpreters_of_their_own(shared_guest: Guest) -> None:
    code = """
def count():
    global n
    n = globals().get('n', 0) + 1
    return n
e = InterpreterPoolExecutor(2)
print(ids(), [e.submit(count).result() for k in range(3)], len(ids()))
there, back = create_queue(), create_queue()
def meet(there, back):
    there.put(n)
    back.get()
e.submit(meet, there, back)
print(there.get(), e.submit(count).result(), len(ids()), len(e._threads))
back.put(None)
e.shutdown()
print(ids(), active_count())
for n in (0, -1): error(InterpreterPoolExecutor, n)
error(InterpreterPoolExecutor, 1, initializer=3)
print(InterpreterPoolExecutor(1, 'mine').submit(lambda: 1).result())
print([t.name for t in threading.enumerate()][1:])
"""
    assert said(shared_guest, code) == [
        "[0] [1, 2, 3] 2",
        "3 1 3 2",
        "[0] 1",
        "ValueError: max_workers must be greater than 0",
        "ValueError: max_workers must be greater than 0",
        "TypeError: initializer must be a callable",
        "1",
        "['mine_0']",
    ]


def test_initializer(shared_guest: Guest) -> None:
    code = """
def begin(*args):
    global kept
    kept = args
with InterpreterPoolExecutor(2, initializer=begin, initargs=(3, [4])) as e:
    print(list(e.map(lambda _: kept, range(4))))
print('kept' in globals())
"""
    assert said(shared_guest, code) == [str([(3, [4])] * 4), "False"]


@pytest.mark.parametrize(
    "begin", ["def begin(q): q.get(); 1 / 0", "def begin(q, it=bytes): q.get(); raise SystemExit"]
)
def test_an_initializer_that_fails_breaks_the_pool(shared_guest: Guest, begin: str) -> None:
    code = f"""
{begin}
q = create_queue()
e = InterpreterPoolExecutor(1, initializer=begin, initargs=(q,))
fs = [e.submit(pow, 1, 1) for k in range(3)]
print(fs[0].cancel())
q.put(None)
kinds = [kind(f.result) for f in fs]
for k in kinds: print(k)
print(kind(e.submit, pow, 1, 1))
e.shutdown()
print(ids(), active_count())
print([c.__name__ for c in BrokenInterpreterPool.__bases__], BrokenThreadPool.__bases__)
"""
    lines = said(shared_guest, code)
    assert lines[:2] == ["True", "Exception in initializer:"]
    assert lines[-6:] == [
        "CancelledError",
        *(["BrokenInterpreterPool"] * 3),
        "[0] 1",
        "['BrokenThreadPool'] (<class 'BrokenExecutor'>,)",
    ]


def test_what_does_not_cross_breaks_the_pool_too(shared_guest: Guest) -> None:
    code = """
e = InterpreterPoolExecutor(1, initializer=print, initargs=(object(),))
print(kind(e.submit(pow, 1, 1).result))
"""
    assert said(shared_guest, code)[-1] == "BrokenInterpreterPool"


def test_cancel_and_timeouts(shared_guest: Guest) -> None:
    code = """
q, called = create_queue(), create_queue()
e = InterpreterPoolExecutor(1)
first = e.submit(lambda q: q.get(), q)
f = e.submit(lambda q: q.put(1), called)
f.add_done_callback(lambda f: print('callback', f.cancelled()))
print(kind(first.result, 0.02), kind(first.exception, 0))
while not first.running(): time.sleep_ms(1)
print(first.cancel(), first.done())
print(f.cancel(), f.cancel(), f.cancelled(), kind(f.result))
results = e.map(slow, [1], timeout=0.02)
print(kind(next, results))
q.put(6)
print(first.result(), e.submit(abs, -1).result(), called.empty())
e.shutdown()
"""
    assert said(shared_guest, code) == [
        "TimeoutError TimeoutError",
        "False False",
        "callback True",
        "True True True CancelledError",
        "TimeoutError",
        "6 1 True",
    ]


def test_wait_and_as_completed(shared_guest: Guest) -> None:
    code = """
q = create_queue()
def get(q): return q.get()
def fail(): raise KeyError(1)
e = InterpreterPoolExecutor(3)
fs = [e.submit(get, q), e.submit(abs, -1), e.submit(fail)]
done, rest = wait(fs, return_when=FIRST_COMPLETED)
print(1 <= len(done) <= 2, fs[0] in rest)
done, rest = wait(fs, return_when=FIRST_EXCEPTION)
print(fs[2] in done, rest == {fs[0]} or len(rest) == 2)
print(wait(fs, timeout=0.02).not_done == {fs[0]})
try:
    for f in as_completed(fs, timeout=0.02): pass
except TimeoutError as error: print(error)
q.put(2)
print(wait(fs).not_done, fs.index(list(as_completed(fs))[-1]) in (0, 1, 2))
print(sorted(f.result() for f in as_completed([e.submit(pow, n, 2) for n in range(20)])) == [
    n * n for n in range(20)])
e.shutdown()
"""
    assert said(shared_guest, code) == [
        "True True",
        "True True",
        "True",
        "1 (of 3) futures unfinished",
        "set() True",
        "True",
    ]


def test_shutdown(shared_guest: Guest) -> None:
    code = """
q = create_queue()
def get(q): return q.get()
e = InterpreterPoolExecutor(1)
fs = [e.submit(get, q) for n in range(4)]
while not fs[0].running(): time.sleep_ms(1)
e.shutdown(wait=False, cancel_futures=True)
print([f.cancelled() for f in fs], fs[0].done(), active_count(), len(ids()))
q.put(5)
e.shutdown()
print(fs[0].result(), active_count(), ids())
e = InterpreterPoolExecutor(1)
fs = [e.submit(slow, n) for n in range(4)]
e.shutdown(wait=False)
print([f.result() for f in fs])
e.shutdown()
print(ids())
"""
    assert said(shared_guest, code) == [
        "[False, True, True, True] False 2 2",
        "5 1 [0]",
        "[0, 1, 2, 3]",
        "[0]",
    ]


@cpus
def test_a_crash_fails_one_task(boot: Boot, cpus: int) -> None:
    """Its worker makes an interpreter anew, initializer included."""
    code = """
def begin():
    global ready
    ready = True
def crash():
    import machine
    machine.mem8[8] = 1
with InterpreterPoolExecutor(1, initializer=begin) as e:
    f = e.submit(whose)
    print(repr(e.submit(crash).exception()))
    print(e.submit(lambda: ready).result(), e.submit(whose).result() > f.result(), len(ids()))
    Interpreter(e.submit(whose).result()).close()
    print(e.submit(lambda: ready).result())
    f = e.submit(crash)
print(kind(f.result), ids(), active_count())
"""
    lines = said(booted(boot, cpus), code)
    assert [line for line in lines if line.startswith(("True", "InterpreterError"))] == [
        "InterpreterError('interpreter crashed',)",
        "True True 2",
        "True",
        "InterpreterError [0] 1",
    ]


def test_a_pool_without_memory_for_interpreters(boot: Boot) -> None:
    """It has fewer workers; none at all is an error."""
    guest = boot(memory="16M")
    guest.wait_for_prompt()
    code = """
with InterpreterPoolExecutor(20) as e:
    fs = [e.submit(slow, n) for n in range(40)]
    print([f.result() for f in fs] == list(range(40)), 0 < len(e._threads) < 20)
held = []
try:
    while True: held.append(create())
except InterpreterError: pass
with InterpreterPoolExecutor() as e: print(kind(e.submit, slow, 1))
held.clear()
gc.collect()
with InterpreterPoolExecutor() as e: print(e.submit(slow, 1).result())
"""
    assert said(guest, code) == ["True True", "InterpreterError", "1"]


@cpus
def test_many_tasks(boot: Boot, cpus: int) -> None:
    code = """
with InterpreterPoolExecutor() as e:
    print(list(e.map(lambda x: x * x, range(200))) == [x * x for x in range(200)])
    print(len(e._threads) == e._max_workers == os.process_cpu_count())
    data = shared_memory(4000)
    def fill(view, value):
        for n in range(len(view)): view[n] = value
    fs = [e.submit(fill, data[n * 100:(n + 1) * 100], n) for n in range(40)]
    print(len(wait(fs).done), all(data[n * 100 + 99] == n for n in range(40)))
    print(list(map(len, e.map(lambda n: bytes(n) + b'x', range(0, 50000, 10000)))))
print(active_count(), ids())
"""
    assert said(booted(boot, cpus), code) == [
        "True",
        "True",
        "40 True",
        "[1, 10001, 20001, 30001, 40001]",
        "1 [0]",
    ]


@cpus
def test_asyncio_awaits_them_while_its_loop_goes_on(boot: Boot, cpus: int) -> None:
    code = """
ticks = 0
async def tick():
    global ticks
    while True:
        await asyncio.sleep_ms(5)
        ticks += 1
def busy(ms):
    import time
    end = time.ticks_ms() + ms
    while time.ticks_ms() < end: pass
    return ms
async def main():
    asyncio.create_task(tick())
    loop = asyncio.get_running_loop()
    with InterpreterPoolExecutor(2) as e:
        print(await loop.run_in_executor(e, busy, 100), ticks >= 5)
        before = ticks
        print(await asyncio.wrap_future(e.submit(slow, 2, 100)), ticks - before >= 5)
        print(await asyncio.gather(*(loop.run_in_executor(e, pow, n, 2) for n in range(5))))
        try: await loop.run_in_executor(e, int, 'x')
        except ValueError as error: print(error)
        q = create_queue()
        f = asyncio.wrap_future(e.submit(lambda q: q.get(), q))
        await asyncio.sleep_ms(20)
        q.put('late')
        print(await f)
asyncio.run(main())
"""
    assert said(booted(boot, cpus), code) == [
        "100 True",
        "2 True",
        "[0, 1, 4, 9, 16]",
        "invalid syntax for integer with base 10: 'x'",
        "late",
    ]


@cpus
@pytest.mark.parametrize(
    "wait", ["f.result()", "wait([f])", "list(as_completed([f]))", "e.shutdown()", "q.get()"]
)
def test_ctrl_c_reaches_who_waits(boot: Boot, cpus: int, wait: str) -> None:
    guest = booted(boot, cpus)
    code = f"""
q = create_queue()
def spin():
    while True: pass
e = InterpreterPoolExecutor(1)
f = e.submit(spin)
print('READY')
{wait}
"""
    guest.repl.start((POOLS + code).encode(), guest.timeout)
    guest.read_until(b"READY\r\n")
    check_interrupted(guest)
    guest.soft_reset()
    assert guest.eval("6 * 7") == 42


@pytest.mark.parametrize(
    ("code", "output"),
    [
        ("for n in range(3): e.submit(late, n)", "0\n1\n2\nexit\n"),
        ("e.submit(late, 1)\ne.shutdown(False)", "1\nexit\n"),
    ],
)
def test_a_program_ends_after_its_futures(start: Start, code: str, output: str) -> None:
    begin = """
import sys
from concurrent.futures import InterpreterPoolExecutor
sys.atexit(lambda: print('exit'))
e = InterpreterPoolExecutor(1)
def late(x):
    import time
    time.sleep_ms(20)
    print(x)
"""
    assert outcome(start, {"main.py": begin + code}) == (0, output.encode(), b"")
