# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""asyncio beside threads: futures of a pool are awaited, flags are set by other threads."""

import pytest

from tests.guest.conftest import Boot
from tests.guest.test_futures import FUTURES
from tests.guest.test_python_threads import booted, check_interrupted, cpus
from tools.guest import Guest

IMPORTS = f"""{FUTURES}
import asyncio
ticks = 0
async def tick():
    global ticks
    while True:
        await asyncio.sleep_ms(5)
        ticks += 1
"""


def said(guest: Guest, code: str) -> list[str]:
    return guest.output_of(IMPORTS + code).splitlines()


@cpus
@pytest.mark.parametrize("other", ["", "asyncio.create_task(tick())"])
def test_a_thread_wakes_a_loop_that_sleeps(boot: Boot, cpus: int, other: str) -> None:
    code = f"""
async def main():
    {other}
    flag, told = asyncio.ThreadSafeFlag(), []
    def tell():
        for i in range(20):
            time.sleep_ms(2)
            told.append(time.ticks_ms())
            flag.set()
    t = spawn(tell)
    waits = 0
    while len(told) < 20:
        await flag.wait()
        waits += 1
        late = time.ticks_ms() - told[-1]
    t.join()
    print(waits > 5, late < 500)
asyncio.run(main())
"""
    assert said(booted(boot, cpus), code) == ["True True"]


@cpus
def test_calls_run_while_the_loop_goes_on(boot: Boot, cpus: int) -> None:
    code = """
async def main():
    asyncio.create_task(tick())
    with ThreadPoolExecutor(2) as executor:
        loop = asyncio.get_running_loop()
        print(await loop.run_in_executor(executor, slow, 1, 100), ticks >= 5)
        print(await asyncio.wrap_future(executor.submit(slow, 2, 100)), ticks >= 10)
        f = executor.submit(slow, 3, 0)
        time.sleep_ms(20)
        print(await asyncio.wrap_future(f), await asyncio.wrap_future(f))
        for call in (executor.submit(bad), executor.submit(lambda: 1 / 0)):
            try: await asyncio.wrap_future(call)
            except Exception as e: print(repr(e))
    begin = ticks
    print(await asyncio.to_thread(slow, ms=100, result=4), ticks - begin >= 5)
    print(await loop.run_in_executor(None, lambda: current_thread().name))
asyncio.run(main())
"""
    assert said(booted(boot, cpus), code) == [
        "1 True",
        "2 True",
        "3 3",
        "KeyError('mine',)",
        "ZeroDivisionError('divide by zero',)",
        "4 True",
        "asyncio_0",
    ]


def test_many_calls_at_once(shared_guest: Guest) -> None:
    code = """
async def main():
    loop = asyncio.get_running_loop()
    calls = [loop.run_in_executor(None, slow, i, i % 7) for i in range(40)]
    print(await asyncio.gather(*calls) == list(range(40)))
    print([call.done() for call in calls] == [True] * 40, len(asyncio.core._io_queue.map))
asyncio.run(main())
"""
    assert said(shared_guest, code) == ["True", "True 0"]


def test_a_call_runs_though_nobody_awaits_it(shared_guest: Guest) -> None:
    code = """
done = []
async def main():
    asyncio.get_event_loop().run_in_executor(None, done.append, 1)
    time.sleep_ms(20)
    print(done)
asyncio.run(main())
"""
    assert said(shared_guest, code) == ["[1]"]


def test_an_exception_that_nobody_awaits_is_told(shared_guest: Guest) -> None:
    code = """
async def main():
    asyncio.get_event_loop().run_in_executor(None, bad)
    await asyncio.sleep_ms(50)
    print('end')
asyncio.run(main())
"""
    lines = said(shared_guest, code)
    assert lines[0] == "Task exception wasn't retrieved"
    assert lines[-2:] == ["KeyError: mine", "end"]


def test_cancelling_the_task_cancels_the_future(shared_guest: Guest) -> None:
    code = """
async def main():
    executor = ThreadPoolExecutor(1)
    busy = executor.submit(gated, 1)
    fs = [executor.submit(slow, i) for i in range(2)]
    tasks = [asyncio.wrap_future(f) for f in fs]
    tasks[0].cancel()
    await asyncio.sleep_ms(5)
    tasks[1].cancel()
    await asyncio.sleep_ms(5)
    print([f.cancelled() for f in fs], [t.done() for t in tasks])
    for t in tasks:
        try: await t
        except asyncio.CancelledError: print('cancelled')
    f = executor.submit(slow, 5)
    f.cancel()
    try: await asyncio.wrap_future(f)
    except asyncio.CancelledError: print('cancelled')
    try: await asyncio.wait_for(asyncio.wrap_future(busy), 0.01)
    except asyncio.TimeoutError: print('timeout', busy.done(), busy.cancelled())
    gate.set()
    print(busy.result())
    executor.shutdown()
asyncio.run(main())
"""
    assert said(shared_guest, code) == [
        "[True, True] [True, True]",
        *(["cancelled"] * 3),
        "timeout False False",
        "1",
    ]


def test_names(shared_guest: Guest) -> None:
    """All that upstream's asyncio has, and what this one adds."""
    code = """
import uasyncio
names = 'wait_for wait_for_ms gather Event ThreadSafeFlag Lock open_connection start_server'
names += ' StreamReader StreamWriter run sleep sleep_ms create_task current_task'
names += ' get_event_loop new_event_loop CancelledError TimeoutError Loop Task'
names += ' wrap_future to_thread get_running_loop'
print([n for n in names.split() if getattr(asyncio, n) is not getattr(uasyncio, n)])
error(getattr, asyncio, 'nothing')
error(asyncio.get_running_loop)
print(asyncio.__version__)
"""
    assert said(shared_guest, code) == [
        "[]",
        "AttributeError: nothing",
        "RuntimeError: no running event loop",
        "(3, 0, 0)",
    ]


@cpus
def test_ctrl_c_reaches_a_loop_that_waits_for_a_call(boot: Boot, cpus: int) -> None:
    guest = booted(boot, cpus)
    code = "print('READY')\nasyncio.run(asyncio.to_thread(slow, 1, 10**7))"
    guest.repl.start((IMPORTS + code).encode(), guest.timeout)
    guest.read_until(b"READY\r\n")
    check_interrupted(guest)
