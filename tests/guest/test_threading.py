# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""threading: what CPython's documentation says of it."""

import pytest

from tests.guest.applications import Start, outcome
from tests.guest.conftest import Boot
from tests.guest.test_python_threads import booted, check_interrupted, cpus
from tools.guest import Guest
from tools.program import Run

IMPORTS = """
import threading, time
from threading import *
def error(f, *args, **kwargs):
    try: f(*args, **kwargs)
    except Exception as e: print(type(e).__name__ + ':', e)
    else: print('no error')
def spawn(f, *args, **kwargs):
    t = Thread(target=f, args=args, kwargs=kwargs)
    t.start()
    return t
"""


def said(guest: Guest, code: str) -> list[str]:
    return guest.output_of(IMPORTS + code).splitlines()


def test_a_thread_runs_its_target(shared_guest: Guest) -> None:
    code = """
def f(a, b, c=0):
    me = current_thread()
    print(a, b, c, me is t, me.is_alive(), me.ident == get_ident() == me.native_id, active_count())
t = Thread(target=f, args=(1,), kwargs={'b': 2})
print(t.ident, t.is_alive(), t.name, t.daemon, t in threading.enumerate())
t.start()
t.join()
t.join()
print(type(t.ident), t.is_alive(), t in threading.enumerate(), active_count())
"""
    assert said(shared_guest, code) == [
        "None False Thread-1 (f) False False",
        "1 2 0 True True True 2",
        "<class 'int'> False False 1",
    ]


def test_a_subclass_has_a_run_of_its_own(shared_guest: Guest) -> None:
    code = """
class Mine(Thread):
    def __init__(self, what):
        super().__init__(name='mine', daemon=True)
        self.what = what
    def run(self):
        print(self.name, self.what, self.daemon, Thread().daemon)
    def __len__(self):
        return 0
t = Mine(3)
t.start()
t.join()
t.name = 'other'
print(repr(t)[:22])
"""
    assert said(shared_guest, code) == ["mine 3 True True", "<Mine(other, stopped d"]


def test_misuse_of_a_thread_is_an_error(shared_guest: Guest) -> None:
    code = """
error(Thread, group=1)
error(Thread().join)
error(current_thread().join)
t = spawn(lambda: None)
t.join()
error(t.start)
error(setattr, t, 'daemon', True)
error(stack_size, -1)
"""
    assert said(shared_guest, code) == [
        "ValueError: group argument must be None for now",
        "RuntimeError: cannot join thread before it is started",
        "RuntimeError: cannot join current thread",
        "RuntimeError: threads can only be started once",
        "RuntimeError: cannot set daemon status of active thread",
        "ValueError: size must be 0 or a positive value",
    ]


def test_join_with_a_timeout(shared_guest: Guest) -> None:
    code = """
lock = Lock()
lock.acquire()
t = spawn(lock.acquire)
begin = time.ticks_ms()
t.join(0.05)
print(time.ticks_ms() - begin >= 50, t.is_alive())
t.join(0); t.join(-1)
lock.release()
t.join(10)
print(t.is_alive())
"""
    assert said(shared_guest, code) == ["True True", "False"]


def test_main_and_foreign_threads(shared_guest: Guest) -> None:
    code = """
import _thread
main = main_thread()
print(main is current_thread(), main.name, main.daemon, main.is_alive(), main.ident == get_ident())
seen = Event()
def foreign():
    me = current_thread()
    print(me is current_thread(), me.name[:6], me.daemon, me.is_alive(), me is main)
    spawn(error, me.join).join()
    seen.set()
_thread.start_new_thread(foreign, ())
seen.wait()
"""
    assert said(shared_guest, code) == [
        "True MainThread False True True",
        "True Dummy- True True False",
        "RuntimeError: cannot join a dummy thread",
    ]


def test_the_main_thread_is_known_to_whoever_imports_first(shared_guest: Guest) -> None:
    code = """
import _thread, time
done = []
def first():
    import threading
    done.append(threading.current_thread() is threading.main_thread())
_thread.start_new_thread(first, ())
while not done: time.sleep_ms(1)
import threading
print(done, threading.current_thread() is threading.main_thread())
"""
    assert shared_guest.output_of(code) == "[False] True\n"


def test_uncaught_exceptions(shared_guest: Guest) -> None:
    code = """
def f(what): raise what
spawn(f, SystemExit(3)).join()
spawn(f, ValueError('mine')).join()
def hook(args): print(args.exc_type, args.exc_value, args.exc_traceback, args.thread is t)
threading.excepthook, before = hook, threading.excepthook
print(before is threading.__excepthook__)
t = Thread(target=f, args=(KeyError(1),))
t.start(); t.join()
def bad(args): raise OSError(5)
threading.excepthook = bad
t = spawn(f, KeyError(2))
t.join()
time.sleep_ms(300)
print(t.is_alive(), active_count())
"""
    lines = said(shared_guest, code)
    assert lines[:2] == ["Exception in thread Thread-2 (f):", "Traceback (most recent call last):"]
    told = lines.index("ValueError: mine")
    assert lines[told + 1 : told + 3] == ["True", "<class 'KeyError'> 1 None True"]
    assert lines[-2:] == ["OSError: [Errno 5] EIO", "False 1"]


def test_locks_are_those_of_thread(shared_guest: Guest) -> None:
    code = """
import _thread
print(type(Lock()) is _thread.LockType, type(RLock()) is _thread.RLock)
print(isinstance(Lock(), Lock), TIMEOUT_MAX == _thread.TIMEOUT_MAX, ThreadError is RuntimeError)
"""
    assert said(shared_guest, code) == ["True True", "True True True"]


@pytest.mark.parametrize("lock", ["Lock()", "RLock()", ""])
def test_condition(shared_guest: Guest, lock: str) -> None:
    code = f"""
c = Condition({lock})
got = []
def wait(i):
    with c:
        got.append((i, c.wait()))
threads = []
for i in range(4):
    threads.append(spawn(wait, i))
    while len(c._waiters) <= i: time.sleep_ms(1)
with c: c.notify()
threads[0].join()
print(got)
with c: c.notify(2)
threads[1].join(); threads[2].join()
print(sorted(got), threads[3].is_alive())
with c: c.notify_all()
threads[3].join()
with c: print(c.wait(0.02), c.wait(0), c.locked())
for f in (c.wait, c.notify, c.notify_all): error(f)
print(c.acquire(), c.acquire(timeout=0.01) if {lock == "Lock()"} else False)
c.release()
print(c.locked(), len(c._waiters))
with c: error(c.wait, 1e12)
"""
    assert said(shared_guest, code) == [
        "[(0, True)]",
        "[(0, True), (1, True), (2, True)] True",
        "False False True",
        "RuntimeError: cannot wait on un-acquired lock",
        "RuntimeError: cannot notify on un-acquired lock",
        "RuntimeError: cannot notify on un-acquired lock",
        "True False",
        "False 0",
        "OverflowError: timeout value is too large",
    ]


def test_condition_gives_up_a_lock_that_is_held_twice(shared_guest: Guest) -> None:
    code = """
c = Condition()
value = []
def put():
    with c:
        value.append(3)
        c.notify()
with c, c:
    spawn(put)
    print(c.wait_for(lambda: value and value[0], 10), c._lock._is_owned())
    print(c.wait_for(lambda: len(value) > 1, 0.02))
print(c.locked())
"""
    assert said(shared_guest, code) == ["3 True", "False", "False"]


def test_event(shared_guest: Guest) -> None:
    code = """
e = Event()
got = []
threads = [spawn(lambda: got.append(e.wait())) for i in range(3)]
print(e.is_set(), e.wait(0.02), e.wait(0), got)
e.set()
for t in threads: t.join()
print(e.is_set(), e.wait(), e.wait(0), got)
e.clear()
print(e.is_set(), e.wait(0), len(e._waiters))
"""
    assert said(shared_guest, code) == [
        "False False False []",
        "True True True [True, True, True]",
        "False False 0",
    ]


def test_semaphore(shared_guest: Guest) -> None:
    code = """
s = Semaphore(2)
print(s.acquire(), s.acquire(), s.acquire(False), s.acquire(timeout=0.02))
threads = [spawn(s.acquire) for i in range(3)]
s.release(3)
for t in threads: t.join()
s.release()
with s: print(s.acquire(False))
b = BoundedSemaphore()
with b: pass
error(b.release)
b.acquire()
b.release()
error(Semaphore, -1)
error(s.release, 0)
error(s.acquire, False, 1)
"""
    assert said(shared_guest, code) == [
        "True True False False",
        "False",
        "ValueError: Semaphore released too many times",
        "ValueError: semaphore initial value must be >= 0",
        "ValueError: n must be one or more",
        "ValueError: can't specify timeout for non-blocking acquire",
    ]


def test_barrier(shared_guest: Guest) -> None:
    code = """
got = []
b = Barrier(3, action=lambda: got.append('action'))
def pass_twice():
    for i in range(2): got.append(b.wait())
threads = [spawn(pass_twice) for i in range(3)]
for t in threads: t.join()
print(got[0], sorted(got[1:4]), got[4], sorted(got[5:]), b.parties, b.n_waiting, b.broken)
def broken(barrier, timeout=None):
    try: barrier.wait(timeout)
    except BrokenBarrierError as e: return True
told = []
t = spawn(lambda: told.append(broken(b)))
while not b.n_waiting: time.sleep_ms(1)
print(b.n_waiting)
b.reset()
t.join()
print(told, b.broken, b.n_waiting)
print(broken(b, 0.02), b.broken, broken(b))
b.reset()
print(b.broken)
b.abort()
print(b.broken, broken(b))
b = Barrier(1, action=lambda: 1 / 0)
error(b.wait)
print(b.broken, Barrier(1).wait(), broken(Barrier(2, timeout=0.01)))
error(Barrier, 0)
"""
    assert said(shared_guest, code) == [
        "action [0, 1, 2] action [0, 1, 2] 3 0 False",
        "1",
        "[True] False 0",
        "True True True",
        "False",
        "True True",
        "ZeroDivisionError: divide by zero",
        "True 0 True",
        "ValueError: parties must be >= 1",
    ]


def test_timer(shared_guest: Guest) -> None:
    code = """
begin = time.ticks_ms()
t = Timer(0.05, lambda *a, **k: print(a, k, time.ticks_ms() - begin >= 50), (1,), {'b': 2})
t.start()
t.join()
t = Timer(100, print, ('never',))
t.start()
t.cancel()
t.join()
print(t.is_alive())
"""
    assert said(shared_guest, code) == ["(1,) {'b': 2} True", "False"]


def test_local(shared_guest: Guest) -> None:
    code = """
class Mine(local):
    def __init__(self, first): self.n = first
    def twice(self): return 2 * self.n
plain, mine = local(), Mine(7)
plain.x = 1
mine.n = 8
def f():
    print(hasattr(plain, 'x'), mine.n, mine.twice())
    plain.x = mine.n = 2
    del plain.x
    print(hasattr(plain, 'x'))
    error(delattr, plain, 'x')
for i in range(3): spawn(f).join()
print(plain.x, mine.n, len(mine._values))
"""
    assert said(shared_guest, code) == [
        *(["False 7 14", "False", "AttributeError: x"] * 3),
        "1 8 2",
    ]


@cpus
def test_nothing_is_lost_between_many_threads(boot: Boot, cpus: int) -> None:
    code = """
c, items, got = Condition(), [], []
def take():
    for i in range(50):
        with c:
            c.wait_for(lambda: items)
            got.append(items.pop())
def give():
    for i in range(50):
        with c:
            items.append(i)
            c.notify()
threads = [spawn(f) for f in (take, give) * 4]
for t in threads: t.join()
print(len(got), items, active_count())
"""
    assert said(booted(boot, cpus), code) == ["200 [] 1"]


@cpus
@pytest.mark.parametrize(
    "wait",
    [
        "t.join()",
        "t.join(100)",
        "Event().wait()",
        "with c: c.wait()",
        "with c: c.wait_for(lambda: False, 100)",
        "Semaphore(0).acquire()",
        "Barrier(2).wait()",
    ],
)
def test_ctrl_c_reaches_who_waits(boot: Boot, cpus: int, wait: str) -> None:
    guest = booted(boot, cpus)
    code = f"""
def busy():
    while True: time.sleep_ms(1)
c = Condition()
t = Thread(target=busy, daemon=True)
t.start()
print('READY')
try:
    {wait}
finally:
    print(c.locked(), len(c._waiters))
"""
    guest.repl.start((IMPORTS + code).encode(), guest.timeout)
    guest.read_until(b"READY\r\n")
    check_interrupted(guest)
    assert b"READY\r\nFalse 0\r\n" in bytes(guest.transcript)


END = """
import sys, threading, time
def late(name, daemon=False, ms=100):
    def f():
        time.sleep_ms(ms)
        print(name)
    threading.Thread(target=f, daemon=daemon).start()
    return f
sys.atexit(lambda: print('exit'))
"""


@pytest.mark.parametrize(
    ("code", "status", "output"),
    [
        ("late('thread')\nprint('end')", 0, "end\nthread\nexit\n"),
        ("late('daemon', True, 100000)\nprint('end')", 0, "end\nexit\n"),
        ("late('thread')\nsys.exit(4)", 4, "thread\nexit\n"),
        (
            "threading.Thread(target=lambda: (time.sleep_ms(50), late('second'))).start()",
            0,
            "second\nexit\n",
        ),
        (
            "t = threading.main_thread()\n"
            "threading.Thread(target=lambda: (t.join(), print(t.is_alive()))).start()",
            0,
            "False\nexit\n",
        ),
    ],
)
def test_a_program_ends_after_its_threads(
    start: Start, code: str, status: int, output: str
) -> None:
    assert outcome(start, {"main.py": END + code}) == (status, output.encode(), b"")


def test_ctrl_c_ends_the_wait_for_threads(start: Start) -> None:
    the_run = Run()
    main = END + "late('', ms=10**9)\nlate('END', ms=300)"  # The second when all else has ended.
    guest = start({"main.py": main}, cmdline=the_run.settings)
    guest.read_until(b"END\n")
    guest.write(b"\x03")
    guest.wait_for_end()
    pieces = list(the_run.feed(bytes(guest.transcript).partition(the_run.begin)[2]))
    assert the_run.status == 0
    assert b"exit\n" in b"".join(piece for _, piece in pieces)


def test_a_module_named_threading_may_be_the_application_s(start: Start) -> None:
    files = {"main.py": "import threading; print(threading.mine)", "threading.py": "mine = 5"}
    assert outcome(start, files) == (0, b"5\n", b"")


def test_soft_reset_waits_for_no_thread(shared_guest: Guest) -> None:
    said(shared_guest, "spawn(time.sleep, 10**6)")
    shared_guest.soft_reset()
    assert said(shared_guest, "print(active_count())") == ["1"]


@cpus
def test_nobody_polls(boot: Boot, cpus: int) -> None:
    """All threads wait: the only timer interrupt is that of the one deadline."""
    code = """
import queue
from cloud_hypervisor import interrupts
from concurrent.futures import ThreadPoolExecutor
def wait():
    with c: c.wait()
lock, c, executor = Lock(), Condition(), ThreadPoolExecutor(2)
lock.acquire()
for f in (lock.acquire, wait, Event().wait, queue.Queue().get, Semaphore(0).acquire):
    Thread(target=f, daemon=True).start()
executor.submit(pow, 1, 1).result()
time.sleep_ms(20)
before = interrupts()['timer']
Event().wait(0.5)
print(interrupts()['timer'] - before <= 3)
"""
    assert said(booted(boot, cpus), code) == ["True"]
