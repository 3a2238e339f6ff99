# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""machine.Timer: callbacks at the right time, as often as asked for, until told to stop."""

import ast

import pytest

from tools.guest import Guest

PRELUDE = """
import machine, time
from machine import Timer
calls = []
def note(timer):
    calls.append(time.ticks_ms())
"""


def result(guest: Guest, code: str) -> object:
    """What a program that has PRELUDE prints, as a value."""
    return ast.literal_eval(guest.output_of(PRELUDE + code))


def test_one_shot_timer_fires_once_and_in_time(shared_guest: Guest) -> None:
    took = result(
        shared_guest,
        "begin = time.ticks_ms()\n"
        "Timer(mode=Timer.ONE_SHOT, period=50, callback=note)\n"
        "time.sleep_ms(300)\n"
        "print([at - begin for at in calls])",
    )
    assert isinstance(took, list)
    assert len(took) == 1
    # Ticks are whole milliseconds: the first may be almost over when the timer starts.
    assert 49 <= took[0] < 50 + 100 * shared_guest.vmm.slowness


@pytest.mark.parametrize("busy", [False, True], ids=["asleep", "busy"])
@pytest.mark.parametrize("period", [5, 20, 250])
def test_periodic_timer_fires_as_often_as_asked(
    shared_guest: Guest, period: int, busy: bool
) -> None:
    wait = "while time.ticks_ms() < begin + 2000: pass" if busy else "time.sleep_ms(2000)"
    count, took = ast.literal_eval(
        shared_guest.output_of(
            f"{PRELUDE}\n"
            f"timer = Timer(mode=Timer.PERIODIC, period={period}, callback=note)\n"
            "begin = time.ticks_ms()\n"
            f"{wait}\n"
            "took = time.ticks_ms() - begin\n"
            "timer.deinit()\n"
            "print((len(calls), took))"
        )
    )
    assert took >= 2000
    # Never too often. A delay is made up for as long as no more than eight callbacks are due,
    # which is all that MicroPython's scheduler keeps: a busy host may stop us for longer.
    due = took // period
    assert (due - 2 if period > 100 else due // 2) <= count <= due + 1


def test_frequency_is_a_period(shared_guest: Guest) -> None:
    count = result(
        shared_guest,
        "timer = Timer(freq=50, callback=note)\n"
        "begin = time.ticks_ms()\n"
        "while len(calls) < 10: time.sleep_ms(1)\n"
        "print((time.ticks_ms() - begin) // 10)",
    )
    assert isinstance(count, int)
    assert 19 <= count < 20 + 10 * shared_guest.vmm.slowness


def test_stopped_timer_is_silent(shared_guest: Guest) -> None:
    assert (
        result(
            shared_guest,
            "timer = Timer(period=5, callback=note)\n"
            "while len(calls) < 3: pass\n"
            "timer.deinit()\n"
            "time.sleep_ms(20)\n"
            "count = len(calls)\n"
            "time.sleep_ms(100)\n"
            "print(len(calls) - count)",
        )
        == 0
    )


def test_timer_can_be_set_anew(shared_guest: Guest) -> None:
    assert result(
        shared_guest,
        "timer = Timer(period=1000_000, callback=note)\n"
        "timer.init(mode=Timer.ONE_SHOT, period=10, callback=lambda t: calls.append('new'))\n"
        "time.sleep_ms(200)\n"
        "print(calls)",
    ) == ["new"]


def test_timers_fire_in_the_order_of_their_times(shared_guest: Guest) -> None:
    assert result(
        shared_guest,
        "for ms in (90, 30, 60, 120, 10):\n"
        "    Timer(mode=Timer.ONE_SHOT, period=ms, callback=lambda t, ms=ms: calls.append(ms))\n"
        "while len(calls) < 5: time.sleep_ms(1)\n"
        "print(calls)",
    ) == [10, 30, 60, 90, 120]


def test_callbacks_due_at_once_all_run(shared_guest: Guest) -> None:
    """Python callbacks run one at a time; a sleeper must not sleep on while some are left."""
    late = result(
        shared_guest,
        "begin = time.ticks_ms()\n"
        "for _ in range(20):\n"
        "    Timer(mode=Timer.ONE_SHOT, period=50, callback=note)\n"
        "time.sleep_ms(3000)\n"
        "print([at - begin for at in calls])",
    )
    assert isinstance(late, list)
    assert len(late) == 20 and max(late) < 2000


def test_callbacks_due_at_once_all_run_at_the_prompt(shared_guest: Guest) -> None:
    shared_guest.output_of(
        PRELUDE + "for i in range(10):\n"
        "    Timer(mode=Timer.ONE_SHOT, period=300, callback=lambda t: print('fi' + 'red'))"
    )
    shared_guest.leave_raw_repl()
    for _ in range(10):
        shared_guest.read_until(b"fired\r\n")


def test_callback_that_sleeps_takes_no_input_away(shared_guest: Guest) -> None:
    shared_guest.write(b"import time; from machine import Timer\r")
    shared_guest.write(
        b"t = Timer(mode=Timer.ONE_SHOT, period=100, callback=lambda t: "
        b"(print('sl' + 'eeps'), time.sleep_ms(800), print('aw' + 'ake')))\r"
    )
    shared_guest.read_until(b"sleeps\r\n")
    shared_guest.write(b"'ty' + 'ped'\r")
    shared_guest.read_until(b"awake\r\n")
    shared_guest.read_until(b"'typed'\r\n>>> ")


def test_many_timers_run_at_once(shared_guest: Guest) -> None:
    counts = result(
        shared_guest,
        "counts = [0] * 40\n"
        "def count(i):\n"
        "    def callback(timer): counts[i] += 1\n"
        "    return callback\n"
        "timers = [Timer(period=100 + 10 * i, callback=count(i)) for i in range(40)]\n"
        "begin = time.ticks_ms()\n"
        "time.sleep_ms(2000)\n"
        "took = time.ticks_ms() - begin\n"
        "for timer in timers: timer.deinit()\n"
        "print([(n, took // (100 + 10 * i)) for i, n in enumerate(counts)])",
    )
    assert isinstance(counts, list)
    assert all(due // 2 <= count <= due + 1 for count, due in counts)


def test_callback_may_allocate_and_sleep(shared_guest: Guest) -> None:
    assert (
        result(
            shared_guest,
            "def work(timer):\n"
            "    time.sleep_ms(1)\n"
            "    calls.append(sum([i for i in range(100)]))\n"
            "timer = Timer(period=10, callback=work)\n"
            "while len(calls) < 5: pass\n"
            "timer.deinit()\n"
            "print(calls[:5])",
        )
        == [4950] * 5
    )


def test_exception_of_a_callback_is_shown_and_harmless(shared_guest: Guest) -> None:
    output = shared_guest.output_of(
        f"{PRELUDE}\n"
        "Timer(mode=Timer.ONE_SHOT, period=10, callback=lambda t: 1 / 0)\n"
        "Timer(mode=Timer.ONE_SHOT, period=50, callback=note)\n"
        "while not calls: time.sleep_ms(1)\n"
        "print(len(calls))"
    )
    assert "ZeroDivisionError: divide by zero" in output
    assert output.endswith("1\n")


def test_timer_fires_at_the_prompt(shared_guest: Guest) -> None:
    shared_guest.write(
        b"from machine import Timer\r"
        b"t = Timer(mode=Timer.ONE_SHOT, period=100, callback=lambda t: print('fi' + 'red'))\r"
    )
    shared_guest.read_until(b"fired\r\n")


def test_timer_does_not_outlive_the_soft_reset(shared_guest: Guest) -> None:
    shared_guest.output_of(
        "from machine import Timer\nt = Timer(period=20, callback=lambda t: print('ghost'))"
    )
    shared_guest.soft_reset()
    seen = len(shared_guest.transcript)
    shared_guest.output_of("import time; time.sleep_ms(300)")
    assert b"ghost" not in shared_guest.transcript[seen:]


@pytest.mark.parametrize("arguments", ["5, period=10", "period=0x4000_0000"])
def test_bad_timer_is_refused(shared_guest: Guest, arguments: str) -> None:
    _, traceback = shared_guest.exec(f"{PRELUDE}\nTimer({arguments}, callback=note)")
    assert traceback.splitlines()[-1].startswith("ValueError: ")
