# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What `./inv bench smp` makes of what it measures."""

import pytest

from tools.bench import instruction_log, smp_loads, smp_speedup
from tools.bench.instruction_log import spans
from tools.bench.report import Figures
from tools.errors import WorkFailed


def executed(address: int) -> bytes:
    return b"Trace 0: 0x7f9fe81fccc0 [00000000/%016x/18c0c2b0/ff020201] \n" % address


def sent(byte: bytes) -> bytes:
    return b"serial_write write addr 0x00 val 0x%02x\n" % byte[0]


LOG = [
    executed(0x10),
    sent(b"<"),
    executed(0x20),
    executed(0x30),
    executed(0x20),
    executed(0x40),
    sent(b"x"),
    executed(0x40),
    sent(b">"),
    executed(0x50),
]


def test_instructions_between_two_marks() -> None:
    (span,) = spans(LOG, b"<>", [0x30, 0x20, 0x40])
    assert span.executed == 5
    assert span.addresses == {0x20: 2, 0x30: 1, 0x40: 2}
    # 0x20 counts once 0x30 was reached.
    assert span.reached == [1, 2, 3]


def test_marks_come_in_their_order() -> None:
    first, second = spans(LOG, b"<x>")
    assert (first.executed, second.executed) == (4, 1)
    with pytest.raises(WorkFailed, match=r"shows no b'<'"):
        spans(LOG, b"><")


def test_an_instruction_that_begins_anew_is_in_a_span_once() -> None:
    stopped = b"Stopped execution of TB chain before 0x7f9fe81fccc0 [0000000000000020] \n"
    log = instruction_log.InstructionLog()
    for line in (executed(0x10), executed(0x20), stopped, executed(0x20)):
        log.take(line)
    assert (log.executed, log.counts) == (2, {0x10: 1, 0x20: 1})


@pytest.mark.parametrize("load", smp_loads.LOADS)
def test_loads_run_on_cpython_too(load: object) -> None:
    assert callable(load)
    assert load(1000) == load(1000)


def test_a_pool_of_processes_is_measured() -> None:
    figures = smp_speedup.rival((1, 2), 1, 2, 500)
    assert list(figures) == smp_speedup.LOADS
    for by_count in figures.values():
        assert by_count["1"]["cpu"] > 0 and by_count["2"]["least"] > 0


def figures_of(one: float, two: float, four: float) -> Figures:
    by_count = {
        count: {"least": value, "cpu": value}
        for count, value in zip("124", (one, two, four), strict=True)
    }
    return dict.fromkeys(smp_speedup.LOADS, by_count)


def test_speed_up_is_never_rounded_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smp_speedup, "TIMED", (1, 2))
    timed = figures_of(one=96_999, two=100_000, four=1)
    counted = figures_of(one=100, two=200, four=500)
    assert smp_speedup.speed_up(timed["floats"], 2) == 1.939
    assert smp_speedup.useful_share(counted["floats"], 4) == 0.8
    budgets = smp_speedup.budgets({"timed": timed, "counted": counted})
    assert [budget.met for budget in budgets] == [False, True, True, False]
