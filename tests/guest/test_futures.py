# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""concurrent.futures: what CPython's documentation says of it."""

import pytest

from tests.guest.applications import Start, outcome
from tests.guest.conftest import Boot
from tests.guest.test_python_threads import booted, check_interrupted, cpus
from tests.guest.test_threading import IMPORTS
from tools.guest import Guest

FUTURES = f"""{IMPORTS}
import os
from concurrent.futures import *
def kind(f, *args, **kwargs):
    try: return f(*args, **kwargs)
    except BaseException as e: return type(e).__name__
def slow(result, ms=20):
    time.sleep_ms(ms)
    return result
def bad(): raise KeyError('mine')
gate = Event()
def gated(result):
    gate.wait()
    return result
"""


def said(guest: Guest, code: str) -> list[str]:
    return guest.output_of(FUTURES + code).splitlines()


def test_submit(shared_guest: Guest) -> None:
    code = """
with ThreadPoolExecutor(max_workers=1) as executor:
    f = executor.submit(pow, 2, 10)
    print(f.result(), f.exception(), f.done(), f.running(), f.cancelled(), f.cancel())
    f = executor.submit(lambda a, b=1: (a, b), 1, b=2)
    print(f.result(timeout=10))
    f = executor.submit(bad)
    print(kind(f.result), repr(f.exception()), f.done())
    f = executor.submit(gated, 3)
    while not f.running(): time.sleep_ms(1)
    print(kind(f.result, 0.01), kind(f.exception, 0), f.running(), f.done(), f.cancel())
    gate.set()
    print(f.result())
    f = executor.submit(slow, 4)
print(f.done(), f.result(), active_count())
print(kind(executor.submit, pow, 1, 1), kind(executor.map, pow, [1], [1]))
print(isinstance(TimeoutError(), OSError), issubclass(BrokenExecutor, RuntimeError))
"""
    assert said(shared_guest, code) == [
        "1024 None True False False False",
        "(1, 2)",
        "KeyError KeyError('mine',) True",
        "TimeoutError TimeoutError True False False",
        "3",
        "True 4 1",
        "RuntimeError RuntimeError",
        "True True",
    ]


def test_cancel(shared_guest: Guest) -> None:
    code = """
called = []
with ThreadPoolExecutor(1) as executor:
    first = executor.submit(gated, 1)
    f = executor.submit(called.append, 1)
    f.add_done_callback(lambda f: print('callback', f.cancelled()))
    told = []
    t = spawn(lambda: told.append(kind(f.result)))
    print(f.cancel(), f.cancel(), f.cancelled(), f.done(), f.running())
    t.join()
    gate.set()
    print(told)
    print(kind(f.result), kind(f.exception), wait([f]).done == {f})
print(first.result(), called)
"""
    assert said(shared_guest, code) == [
        "callback True",
        "True True True True False",
        "['CancelledError']",
        "CancelledError CancelledError True",
        "1 []",
    ]


def test_callbacks(shared_guest: Guest) -> None:
    code = """
f = Future()
f.add_done_callback(lambda f: print('first', f.result()))
f.add_done_callback(lambda f: 1 / 0)
f.add_done_callback(lambda f: print('third'))
f.set_result(5)
f.add_done_callback(lambda f: print('at once'))
with ThreadPoolExecutor(1) as executor:
    f = executor.submit(slow, 3)
    f.add_done_callback(lambda f: print(current_thread().name))
"""
    lines = said(shared_guest, code)
    assert lines[0] == "first 5"
    assert lines[1].startswith("exception calling callback for <Future object at ")
    assert lines[-4:] == [
        "ZeroDivisionError: divide by zero",
        "third",
        "at once",
        "ThreadPoolExecutor-0_0",
    ]


def test_what_executors_do_with_a_future(shared_guest: Guest) -> None:
    code = """
f = Future()
print(f.set_running_or_notify_cancel(), f.running())
error(f.set_running_or_notify_cancel)
f.set_result(1)
print(kind(f.set_result, 2), kind(f.set_exception, KeyError()), f.result())
f = Future()
f.cancel()
print(kind(f.set_result, 1), f.set_running_or_notify_cancel(), f.cancelled(), f.cancel())
error(f.set_running_or_notify_cancel)
f = Future()
f.set_exception(ValueError(3))
error(f.result)
"""
    assert said(shared_guest, code) == [
        "True True",
        "RuntimeError: Future in unexpected state",
        "InvalidStateError InvalidStateError 1",
        "InvalidStateError False True True",
        "RuntimeError: Future in unexpected state",
        "ValueError: 3",
    ]


def test_map(shared_guest: Guest) -> None:
    code = """
with ThreadPoolExecutor(3) as executor:
    print(list(executor.map(pow, [2, 3, 4], [3, 2, 1, 0])), list(executor.map(abs, [])))
    print(list(executor.map(lambda ms: slow(ms, ms), [60, 1, 30])))
    results = executor.map(lambda x: 1 // x, [1, 0, 1])
    print(next(results), kind(next, results), kind(next, results))
    results = executor.map(lambda f, x: f(x), [abs, gated], [1, 2], timeout=0.5)
    print(next(results), kind(next, results))
    gate.set()
    for size in (0, 'a'): error(executor.map, abs, [], buffersize=size)
    begun = []
    def numbers():
        for i in range(10):
            begun.append(i)
            yield i
    results = executor.map(slow, numbers(), buffersize=2)
    print(begun)
    print(next(results), next(results), begun)
    print(list(results), begun == list(range(10)))
"""
    assert said(shared_guest, code) == [
        "[8, 9, 4] []",
        "[60, 1, 30]",
        "1 ZeroDivisionError StopIteration",
        "1 TimeoutError",
        "ValueError: buffersize must be None or > 0",
        "TypeError: buffersize must be an integer or None",
        "[0, 1]",
        "0 1 [0, 1, 2]",
        "[2, 3, 4, 5, 6, 7, 8, 9] True",
    ]


def test_wait_and_as_completed(shared_guest: Guest) -> None:
    code = """
gates = [Event() for i in range(4)]
def gated(i):
    gates[i].wait()
    return bad() if i == 2 else i
executor = ThreadPoolExecutor(4)
all = [executor.submit(gated, i) for i in range(4)]
def numbers(fs): return sorted(all.index(f) for f in fs)
gates[1].set()
done, rest = wait(all, return_when=FIRST_COMPLETED)
print(numbers(done), numbers(rest), type(done).__name__)
gates[2].set()
print(numbers(wait(all, return_when=FIRST_EXCEPTION).not_done))
result = wait(all, timeout=0.01)
print(numbers(result.done), numbers(result.not_done))
try:
    for f in as_completed(all, timeout=0.01): pass
except TimeoutError as e: print(e)
completed = as_completed(all + all)
print(numbers([next(completed), next(completed)]))
for i in (3, 0):
    gates[i].set()
    print(all.index(next(completed)))
print(kind(next, completed), numbers(wait(all).done), wait([]), [f._callbacks for f in all])
error(wait, all, return_when=3)
executor.shutdown()
f = Future()
t = spawn(lambda: print(wait([f], return_when=FIRST_EXCEPTION)[0] == {f}))
f.cancel()
t.join()
"""
    assert said(shared_guest, code) == [
        "[1] [0, 2, 3] set",
        "[0, 3]",
        "[1, 2] [0, 3]",
        "2 (of 4) futures unfinished",
        "[1, 2]",
        "3",
        "0",
        "StopIteration [0, 1, 2, 3] "
        "DoneAndNotDoneFutures(done=set(), not_done=set()) [[], [], [], []]",
        "ValueError: invalid return condition",
        "True",
    ]


def test_workers(shared_guest: Guest) -> None:
    code = """
executor = ThreadPoolExecutor(3, 'pool')
names = lambda: sorted(t.name for t in threading.enumerate() if t.name.startswith('pool'))
print(executor.submit(lambda: current_thread().name).result(), current_thread().daemon)
for i in range(5): executor.submit(pow, 1, 1).result()
print(names())
fs = [executor.submit(gated, i) for i in range(7)]
print(names())
gate.set()
print([f.result() for f in fs])
executor.shutdown()
print(names())
executor.shutdown()
print(ThreadPoolExecutor()._max_workers == min(32, os.process_cpu_count() + 4))
error(ThreadPoolExecutor, 0)
error(ThreadPoolExecutor, 1, initializer=3)
"""
    assert said(shared_guest, code) == [
        "pool_0 False",
        "['pool_0']",
        "['pool_0', 'pool_1', 'pool_2']",
        "[0, 1, 2, 3, 4, 5, 6]",
        "[]",
        "True",
        "ValueError: max_workers must be greater than 0",
        "TypeError: initializer must be a callable",
    ]


def test_initializer(shared_guest: Guest) -> None:
    code = """
mine = local()
def begin(x): mine.x = x
with ThreadPoolExecutor(2, initializer=begin, initargs=(3,)) as executor:
    print(list(executor.map(lambda _: (time.sleep_ms(2), mine.x)[1], range(5))))
lock = Lock()
lock.acquire()
def begin():
    lock.acquire()
    1 / 0
executor = ThreadPoolExecutor(1, initializer=begin)
fs = [executor.submit(pow, 1, 1) for i in range(3)]
print(fs[0].cancel())
lock.release()
print([kind(f.result) for f in fs], kind(executor.submit, pow, 1, 1))
executor.shutdown()
from concurrent.futures.thread import BrokenThreadPool
print(issubclass(BrokenThreadPool, BrokenExecutor))
"""
    lines = said(shared_guest, code)
    assert lines[:3] == ["[3, 3, 3, 3, 3]", "True", "Exception in initializer:"]
    assert lines[-2:] == [
        "['CancelledError', 'BrokenThreadPool', 'BrokenThreadPool'] BrokenThreadPool",
        "True",
    ]


def test_shutdown(shared_guest: Guest) -> None:
    code = """
executor = ThreadPoolExecutor(1)
fs = [executor.submit(gated, i) for i in range(4)]
while not fs[0].running(): time.sleep_ms(1)
executor.shutdown(wait=False, cancel_futures=True)
print([f.cancelled() for f in fs], fs[0].done(), active_count())
gate.set()
executor.shutdown()
print(fs[0].result(), active_count())
executor = ThreadPoolExecutor(1)
fs = [executor.submit(slow, i) for i in range(4)]
executor.shutdown(wait=False)
print([f.result() for f in fs])
"""
    assert said(shared_guest, code) == [
        "[False, True, True, True] False 2",
        "0 1",
        "[0, 1, 2, 3]",
    ]


def test_an_executor_s_contexts_are_its_own(shared_guest: Guest) -> None:
    """What a pool of interpreters is made of."""
    code = """
from concurrent.futures.thread import WorkerContext
class Context(WorkerContext):
    def initialize(self): print('initialize', current_thread().name)
    def run(self, task): return task * 2
    def finalize(self): print('finalize', current_thread().name)
class Executor(ThreadPoolExecutor):
    def _create_context(self): return Context(None, ())
    def _resolve_task(self, fn, args, kwargs): return fn(*args)
with Executor(1) as executor:
    print(executor.submit(int, '21').result())
    error(executor.submit, int, 'x')
"""
    assert said(shared_guest, code) == [
        "initialize Executor-0_0",
        "42",
        "ValueError: invalid syntax for integer with base 10: 'x'",
        "finalize Executor-0_0",
    ]


def test_a_pool_without_memory_for_threads(boot: Boot) -> None:
    guest = boot(memory="16M")
    guest.wait_for_prompt()
    code = """
stack_size(1 << 20)
executor = ThreadPoolExecutor(100)
fs = [executor.submit(slow, i) for i in range(100)]
print([f.result() for f in fs] == list(range(100)), 0 < len(executor._threads) < 100)
stack_size(1 << 30)
print(kind(ThreadPoolExecutor().submit, pow, 1, 1))
executor.shutdown()
"""
    assert said(guest, code) == ["True True", "OSError"]


@cpus
def test_a_callback_may_submit(boot: Boot, cpus: int) -> None:
    """It runs in the middle of a thread that submits something itself, or starts threads."""
    code = """
import machine, queue
executor, done = ThreadPoolExecutor(3), queue.SimpleQueue()
def tick(timer):
    try: executor.submit(done.put, 1)
    except RuntimeError: pass  # Some may have been scheduled, or have begun, before the shutdown.
mine = 0
timer = machine.Timer(period=1, callback=tick)
while done.qsize() < 100:
    mine += executor.submit(abs, 1).result()
    spawn(abs, 1).join()
timer.deinit()
executor.shutdown()
print(mine > 0, active_count())
"""
    assert said(booted(boot, cpus), code) == ["True 1"]


@cpus
def test_many_tasks(boot: Boot, cpus: int) -> None:
    code = """
with ThreadPoolExecutor() as executor:
    print(list(executor.map(lambda x: x * x, range(300))) == [x * x for x in range(300)])
    outer = [executor.submit(lambda i=i: executor.submit(pow, i, 2)) for i in range(50)]
    print([f.result().result() for f in outer] == [i * i for i in range(50)])
    print(len({f.result() for f in as_completed([executor.submit(abs, i) for i in range(99)])}))
print(active_count())
"""
    assert said(booted(boot, cpus), code) == ["True", "True", "99", "1"]


@cpus
@pytest.mark.parametrize(
    "wait",
    [
        "f.result()",
        "f.exception(100)",
        "wait([f])",
        "list(as_completed([f]))",
        "executor.shutdown()",
        "list(executor.map(time.sleep, [1000]))",
    ],
)
def test_ctrl_c_reaches_who_waits(boot: Boot, cpus: int, wait: str) -> None:
    guest = booted(boot, cpus)
    code = f"executor = ThreadPoolExecutor(1)\nf = executor.submit(slow, 1, 10**7)\n{wait}"
    guest.repl.start((FUTURES + f"print('READY')\n{code}").encode(), guest.timeout)
    guest.read_until(b"READY\r\n")
    check_interrupted(guest)


@pytest.mark.parametrize(
    ("code", "output"),
    [
        ("for i in range(3): e.submit(late, i)", "0\n1\n2\nexit\n"),
        ("for i in range(3): e.submit(late, i)\ne.shutdown(False)", "0\n1\n2\nexit\n"),
        ("e.submit(lambda: (time.sleep_ms(50), print(kind())))", "RuntimeError\nexit\n"),
    ],
)
def test_a_program_ends_after_its_futures(start: Start, code: str, output: str) -> None:
    begin = """
import sys, time
from concurrent.futures import *
sys.atexit(lambda: print('exit'))
e = ThreadPoolExecutor(1)
def late(x):
    time.sleep_ms(20)
    print(x)
def kind():
    try: ThreadPoolExecutor(1).submit(late, 1)
    except Exception as e: return type(e).__name__
"""
    assert outcome(start, {"main.py": begin + code}) == (0, output.encode(), b"")
