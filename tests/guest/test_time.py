# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Time: it advances as the host's, never goes back, wakes sleepers, and leaves idlers alone."""

import ast
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from tools.guest import Guest

# Answers each "?" with the clocks of the guest, in one tuple.
IDLE = """
import sys, time
print("READY")
while sys.stdin.read(1) == "?":
    print((time.ticks_us(), time.ticks_ms(), time.ticks_cpu(), time.time_ns()))
"""
# The same, but never halts.
BUSY = """
import select, sys, time
poll = select.poll()
poll.register(sys.stdin, select.POLLIN)
print("READY")
while True:
    while not poll.poll(0):
        pass
    sys.stdin.read(1)
    print((time.ticks_us(), time.ticks_ms(), time.ticks_cpu(), time.time_ns()))
"""
NS = 1_000_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Look:
    """One look at the guest's clocks, made at some moment between two of the host's."""

    after: float
    before: float
    ticks_us: int
    ticks_ms: int
    ticks_cpu: int
    time_ns: int

    @property
    def uncertainty(self) -> float:
        """Seconds between the two moments: what the line took, and a busy host."""
        return self.before - self.after


def look(guest: Guest, clock: Callable[[], float]) -> Look:
    """The quickest of some looks, while IDLE or BUSY runs in the guest."""
    looks = []
    for _ in range(20):
        after = clock()
        guest.write(b"?")
        answer = guest.read_until(b"\r\n")
        before = clock()
        looks.append(Look(after, before, *ast.literal_eval(answer.decode())))
    return min(looks, key=lambda each: each.uncertainty)


def start(guest: Guest, code: str) -> None:
    guest.repl.start(code.encode(), guest.timeout)
    guest.read_until(b"READY\r\n")


def stop(guest: Guest) -> None:
    guest.interrupt()
    guest.read_until(b"\x04")
    guest.repl.finish(guest.timeout)


@pytest.mark.parametrize("program", [IDLE, BUSY], ids=["idle", "busy"])
def test_time_advances_as_the_hosts(shared_guest: Guest, program: str) -> None:
    frequency = shared_guest.eval("__import__('machine').freq()")
    start(shared_guest, program)
    first = look(shared_guest, time.monotonic)
    deadline = first.before + 20
    while True:
        time.sleep(2)
        second = look(shared_guest, time.monotonic)
        shortest, longest = second.after - first.before, second.before - first.after
        # A line that is slow beside two seconds needs a longer time to compare.
        if longest - shortest < 0.01 * shortest or time.monotonic() > deadline:
            break
    stop(shared_guest)
    for clock, units_a_second in (
        ("ticks_us", 1_000_000),
        ("ticks_ms", 1000),
        ("ticks_cpu", frequency),
        ("time_ns", NS),
    ):
        seconds = (getattr(second, clock) - getattr(first, clock)) / units_a_second
        assert 0.99 * shortest < seconds < 1.01 * longest, clock


@pytest.mark.parametrize("clock", ["ticks_us", "ticks_ms", "ticks_cpu", "time_ns", "time"])
def test_clock_never_goes_back(shared_guest: Guest, clock: str) -> None:
    output = shared_guest.output_of(
        f"from time import {clock} as clock\n"
        "def steps_back():\n"
        "    count = 0\n"
        "    last = clock()\n"
        "    for _ in range(100_000):\n"
        "        now = clock()\n"
        "        count += now < last\n"
        "        last = now\n"
        "    return count\n"
        "print(steps_back())"
    )
    assert output == "0\n"


def test_clocks_agree(shared_guest: Guest) -> None:
    us, ms, ns, seconds = shared_guest.eval(
        "(lambda t: (t.ticks_us(), t.ticks_ms(), t.time_ns(), t.time()))(__import__('time'))"
    )
    assert 0 <= ms - us // 1000 <= 1000
    assert 0 <= seconds - ns // NS <= 1


# How long each of some sleeps took, in microseconds.
SLEEPS = """
import asyncio, select, sys, time
poll = select.poll()
def measure(sleep, argument, count):
    took = []
    for _ in range(count):
        begin = time.ticks_us()
        sleep(argument)
        took.append(time.ticks_us() - begin)
    print(took)
def run(ms):
    asyncio.run(nap(ms))
async def nap(ms):
    await asyncio.sleep_ms(ms)
"""


@pytest.mark.parametrize(
    ("sleep", "argument", "us", "count"),
    [
        ("time.sleep_us", 20, 20, 50),
        ("time.sleep_us", 300, 300, 50),
        ("time.sleep_ms", 1, 1000, 50),
        ("time.sleep_ms", 10, 10_000, 20),
        ("time.sleep_ms", 100, 100_000, 5),
        ("time.sleep", 0.0125, 12_500, 20),
        ("time.sleep", 0.4, 400_000, 5),
        ("poll.poll", 20, 20_000, 10),
    ],
)
def test_sleep_is_never_early_and_hardly_late(
    shared_guest: Guest, sleep: str, argument: float, us: int, count: int
) -> None:
    took = ast.literal_eval(
        shared_guest.output_of(f"{SLEEPS}\nmeasure({sleep}, {argument}, {count})")
    )
    assert min(took) >= us
    # A busy host delays some of them; not all.
    assert min(took) < us + 3000 * shared_guest.vmm.slowness
    assert sum(took) / count < us + 100_000 * shared_guest.vmm.slowness


def test_sleep_of_a_task_is_hardly_wrong(shared_guest: Guest) -> None:
    """asyncio counts whole milliseconds: a task may wake up to one early."""
    took = ast.literal_eval(shared_guest.output_of(f"{SLEEPS}\nmeasure(run, 20, 10)"))
    assert 19_000 <= min(took) < 20_000 + 5000 * shared_guest.vmm.slowness


@pytest.mark.parametrize("argument", ["-1", "float('nan')", "-0.001"])
def test_sleep_of_no_length_is_refused(shared_guest: Guest, argument: str) -> None:
    _, traceback = shared_guest.exec(f"import time; time.sleep({argument})")
    assert traceback.endswith("ValueError: sleep length must be non-negative\n")


def test_sleepers_are_left_alone(shared_guest: Guest) -> None:
    """One interrupt ends a sleep of two seconds; none comes before."""
    output = shared_guest.output_of(
        "import cloud_hypervisor, time\n"
        "before = cloud_hypervisor.interrupts()\n"
        "time.sleep(2)\n"
        "after = cloud_hypervisor.interrupts()\n"
        "print({name: after[name] - before[name] for name in after})"
    )
    counts = ast.literal_eval(output)
    assert 1 <= counts["timer"] <= 2
    assert counts["console"] <= 2


def test_idle_prompt_is_left_alone(shared_guest: Guest) -> None:
    count = "__import__('cloud_hypervisor').interrupts()['timer']"
    before = shared_guest.eval(count)
    time.sleep(2)
    assert shared_guest.eval(count) == before


def test_wall_clock_is_the_hosts(shared_guest: Guest) -> None:
    start(shared_guest, IDLE)
    seen = look(shared_guest, time.time)
    stop(shared_guest)
    assert seen.after - 2 < seen.time_ns / NS < seen.before + 2


def test_calendar_is_right(shared_guest: Guest) -> None:
    seconds, local, utc, back = shared_guest.eval(
        "(lambda t: (lambda s: (s, t.localtime(s), t.gmtime(s), t.mktime(t.gmtime(s))))(t.time()))"
        "(__import__('time'))"
    )
    host = datetime.fromtimestamp(seconds, UTC).timetuple()
    # Weekday from Monday = 0, day of the year from 1, as in CPython.
    assert local == utc == tuple(host)[:8]
    assert back == seconds
    assert abs(seconds - time.time()) < 5


def test_clock_can_be_set(guest: Guest) -> None:
    guest.output_of(
        "import machine, time\n"
        "before = time.ticks_us()\n"
        "machine.RTC().datetime((2031, 2, 3, 0, 23, 59, 58, 500_000))\n"
        "assert 0 <= time.ticks_us() - before < 1_000_000\n"
        "assert time.localtime()[:5] == (2031, 2, 3, 23, 59), time.localtime()\n"
        "time.sleep(2)\n"
        "assert machine.RTC().datetime()[:5] == (2031, 2, 4, 1, 0), machine.RTC().datetime()\n"
    )
    guest.soft_reset()
    assert guest.eval("__import__('time').localtime()[:3]") == (2031, 2, 4)


def microseconds(
    year: int, month: int, day: int, hour: int, minute: int, second: int, microsecond: int = 0
) -> int:
    """Since 1970, by Python's calendar."""
    date = datetime(year, month, day, hour, minute, second, microsecond, tzinfo=UTC)
    return (date - EPOCH) // timedelta(microseconds=1)


def test_clock_takes_dates_before_1970_and_far_ahead(guest: Guest) -> None:
    soon = int(1_000_000 * (1 + guest.vmm.slowness))
    for date in (
        (1901, 1, 1, 0, 0, 0, 0),
        (1969, 6, 1, 0, 0, 0, 0),
        (1969, 12, 31, 23, 59, 30, 999_999),
        (1970, 1, 1, 0, 0, 0, 0),
        (2000, 2, 29, 23, 0, 1, 0),
        (2100, 3, 1, 12, 30, 0, 0),
        (2261, 12, 31, 23, 59, 30, 0),
    ):
        rtc, local, seconds, ns = ast.literal_eval(
            guest.output_of(
                "import machine, time\n"
                f"machine.RTC().datetime({(*date[:3], 0, *date[3:])})\n"
                "print((machine.RTC().datetime(), time.localtime(), time.time(), time.time_ns()))"
            )
        )
        asked, shown = microseconds(*date), microseconds(*rtc[:3], *rtc[4:])
        assert asked <= shown < asked + soon
        assert rtc[3] == (EPOCH + timedelta(microseconds=shown)).weekday()
        whole = shown // 1_000_000 * 1_000_000
        for later in (microseconds(*local[:6]), seconds * 1_000_000, ns // 1000):
            assert whole <= later < shown + soon


@pytest.mark.parametrize(
    "date",
    [
        (1900, 12, 31, 0, 0, 0, 0, 0),
        (2262, 1, 1, 0, 0, 0, 0, 0),
        (10**9, 1, 1, 0, 0, 0, 0, 0),
        (2024, 0, 1, 0, 0, 0, 0, 0),
        (2024, 13, 1, 0, 0, 0, 0, 0),
        (2024, 1, 0, 0, 0, 0, 0, 0),
        (2024, 1, -(10**15), 0, 0, 0, 0, 0),
        (2024, 4, 31, 0, 0, 0, 0, 0),
        (2100, 2, 29, 0, 0, 0, 0, 0),
        (2024, 1, 1, 0, 24, 0, 0, 0),
        (2024, 1, 1, 0, 0, -1, 0, 0),
        (2024, 1, 1, 0, 0, 60, 0, 0),
        (2024, 1, 1, 0, 0, 0, 60, 0),
        (2024, 1, 1, 0, 0, 0, 0, 1_000_000),
    ],
)
def test_date_that_is_none_is_refused(shared_guest: Guest, date: tuple[int, ...]) -> None:
    _, traceback = shared_guest.exec(f"import machine; machine.RTC().datetime({date})")
    assert traceback.endswith("ValueError: date or time out of range\n")


@pytest.mark.parametrize("seconds", [-1, -86_401, -2_000_000_000, 0, 1 << 32, 1 << 33])
def test_calendar_goes_far(shared_guest: Guest, seconds: int) -> None:
    """2106 is the end of 32 bits."""
    expected = EPOCH + timedelta(seconds=seconds)
    assert (
        shared_guest.eval(f"__import__('time').localtime({seconds})")
        == (tuple(expected.timetuple())[:8])
    )


def test_source_of_the_clock_is_named(shared_guest: Guest) -> None:
    assert shared_guest.eval("__import__('cloud_hypervisor').clock()") in (
        "cpuid 0x40000010",
        "kvmclock",
        "acpi pm timer",
    )
