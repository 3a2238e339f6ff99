# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""queue: what CPython's documentation says of it."""

import pytest

from tests.guest.conftest import Boot
from tests.guest.test_python_threads import booted, check_interrupted, cpus
from tests.guest.test_threading import IMPORTS
from tools.guest import Guest

QUEUES = f"from queue import *\n{IMPORTS}"


def said(guest: Guest, code: str) -> list[str]:
    return guest.output_of(QUEUES + code).splitlines()


@pytest.mark.parametrize(
    ("kind", "order"),
    [
        ("Queue", "[3, 1, 2]"),
        ("LifoQueue", "[2, 1, 3]"),
        ("PriorityQueue", "[1, 2, 3]"),
        ("SimpleQueue", "[3, 1, 2]"),
    ],
)
def test_order(shared_guest: Guest, kind: str, order: str) -> None:
    code = f"""
q = {kind}()
print(q.empty(), q.qsize())
for i in (3, 1): q.put(i)
q.put_nowait(2)
print(q.empty(), q.qsize())
print([q.get(), q.get_nowait(), q.get(timeout=1)])
for f in (q.get_nowait, lambda: q.get(False), lambda: q.get(timeout=0.02)):
    try: f()
    except Empty: print('Empty')
error(q.get, True, -1)
for i in range(1000): q.put(i)
print(q.qsize(), sum(q.get() for i in range(1000)))
"""
    assert said(shared_guest, code) == [
        "True 0",
        "False 3",
        order,
        *(["Empty"] * 3),
        "ValueError: 'timeout' must be a non-negative number",
        "1000 499500",
    ]


def test_items_stay_in_order_while_the_queue_grows(shared_guest: Guest) -> None:
    code = """
for q in (Queue(), SimpleQueue()):
    got = []
    for i in range(500):
        q.put(2 * i); q.put(2 * i + 1)
        got.append(q.get())
    while not q.empty(): got.append(q.get())
    print(got == list(range(1000)))
"""
    assert said(shared_guest, code) == ["True", "True"]


def test_a_full_queue(shared_guest: Guest) -> None:
    code = """
q = Queue(2)
print(q.full())
q.put(1); q.put(2)
print(q.full(), q.maxsize)
for f in (lambda: q.put(3, False), lambda: q.put_nowait(3), lambda: q.put(3, timeout=0.02)):
    try: f()
    except Full: print('Full')
error(q.put, 3, True, -1)
t = spawn(q.put, 3)
t.join(0.02)
print(t.is_alive(), q.get())
t.join()
print(q.get(), q.get(), q.empty())
"""
    assert said(shared_guest, code) == [
        "False",
        "True 2",
        *(["Full"] * 3),
        "ValueError: 'timeout' must be a non-negative number",
        "True 1",
        "2 3 True",
    ]


def test_tasks_are_counted(shared_guest: Guest) -> None:
    code = """
q = Queue()
q.join()
def work():
    while True:
        done.append(q.get())
        time.sleep_ms(5)
        q.task_done()
done = []
Thread(target=work, daemon=True).start()
for i in range(5): q.put(i)
q.join()
print(done, q.unfinished_tasks)
error(q.task_done)
"""
    assert said(shared_guest, code) == [
        "[0, 1, 2, 3, 4] 0",
        "ValueError: task_done() called too many times",
    ]


def test_shutdown(shared_guest: Guest) -> None:
    code = """
def kind(f, *args):
    try: return f(*args)
    except Exception as e: return type(e).__name__
told = []
q = Queue(1)
q.put(1)
threads = [spawn(lambda: told.append(kind(q.put, 2)))]
time.sleep_ms(10)
q.shutdown()
threads[0].join()
print(told, kind(q.put, 3), kind(q.get), kind(q.get), kind(q.get, False), q.is_shutdown)
q.task_done()
q.join()
q = Queue()
told = []
threads = [spawn(lambda: told.append(kind(q.get))) for i in range(3)]
time.sleep_ms(10)
q.shutdown()
for t in threads: t.join()
print(told)
q = PriorityQueue()
for i in range(3): q.put(i)
t = spawn(q.join)
t.join(0.01)
print(t.is_alive())
q.shutdown(immediate=True)
t.join()
print(q.qsize(), q.unfinished_tasks, kind(q.get))
"""
    assert said(shared_guest, code) == [
        "['ShutDown'] ShutDown 1 ShutDown ShutDown True",
        "['ShutDown', 'ShutDown', 'ShutDown']",
        "True",
        "0 0 ShutDown",
    ]


@cpus
@pytest.mark.parametrize("kind", ["Queue()", "Queue(3)", "LifoQueue(1)", "SimpleQueue()"])
def test_nothing_is_lost_or_doubled(boot: Boot, cpus: int, kind: str) -> None:
    code = f"""
q = {kind}
got = [[] for i in range(4)]
def give(i):
    for n in range(i, 400, 4): q.put(n)
def take(i):
    while (item := q.get()) is not None: got[i].append(item)
takers = [spawn(take, i) for i in range(4)]
for t in [spawn(give, i) for i in range(4)]: t.join()
for i in range(4): q.put(None) if not {kind.startswith("Lifo")} else None
if {kind.startswith("Lifo")}:
    while not q.empty(): time.sleep_ms(1)
    for i in range(4): q.put(None)
for t in takers: t.join()
print(sorted(sum(got, [])) == list(range(400)), q.qsize())
"""
    assert said(booted(boot, cpus), code) == ["True 0"]


@pytest.mark.parametrize("kind", ["SimpleQueue", "Event"])
def test_a_callback_may_come_anywhere(shared_guest: Guest, kind: str) -> None:
    """It runs in the middle of the thread that waits, or that puts something itself."""
    code = f"""
import machine
q, e = SimpleQueue(), Event()
def tick(timer):
    q.put(1) if {kind == "SimpleQueue"} else e.set()
timer = machine.Timer(period=1, callback=tick)
got = 0
while got < 100:
    if {kind == "SimpleQueue"}:
        q.put(0)
        got += q.get()
    else:
        got += e.wait(0.001)
        e.clear()
timer.deinit()
print(got)
"""
    assert said(shared_guest, code) == ["100"]


@cpus
@pytest.mark.parametrize(
    "wait", ["Queue().get()", "full.put(1)", "full.join()", "SimpleQueue().get()"]
)
def test_ctrl_c_reaches_who_waits(boot: Boot, cpus: int, wait: str) -> None:
    guest = booted(boot, cpus)
    code = f"full = Queue(1)\nfull.put(0)\nprint('READY')\n{wait}"
    guest.repl.start((QUEUES + code).encode(), guest.timeout)
    guest.read_until(b"READY\r\n")
    check_interrupted(guest)
