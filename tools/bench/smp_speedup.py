# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""How much more several interpreters do than one in the same time, and what of it is lost.

The loads are those of smp_loads.py. Each interpreter waits for the word to do one, and says when
it has. Timed, on as many CPUs of the guest as the host has: the time of a turn, which other work on
the host makes longer, and the time for which the host has run the guest's CPUs, which that hardly
does. And counted, which shows more CPUs than the host has: they run in turn, one instruction a
nanosecond, so that the time between the word and the last answer is the instructions of all.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path

from rich.table import Table

from ..errors import WorkFailed
from ..guest import Guest
from ..paths import ROOT
from ..vmm.base import VmSpec
from ..vmm.qemu import Qemu
from . import smp_loads
from .report import Budget, Figures, table

COUNTED = (1, 2, 4)
TIMED = tuple(count for count in COUNTED if count <= len(os.sched_getaffinity(0)))
SHARE = 0.97
"""The speed-up, by the number of CPUs."""
LOADS = [load.__name__ for load in smp_loads.LOADS]

_HEAP = "heap=2M"
"""Small, so that garbage is collected within a repetition."""
_BATCHES, _BATCH, _TIMED_US = 8, 20, 25_000
_COUNTED_BATCH, _COUNTED_US = 3, 5_000
_TIMEOUT = 600.0

_WORKER = """
while (job := go.get()) is not None:
    globals()[job[0]](job[1])
    done.put(None)
"""
_PROGRAM = """
import json
from concurrent import interpreters
from threading import Thread
from time import ticks_cpu, ticks_us
def worker():
    it = interpreters.create()
    it.exec(loads)
    go, done = interpreters.create_queue(), interpreters.create_queue()
    it.prepare_main(go=go, done=done)
    Thread(target=it.exec, args=(work,)).start()
    return go, done
def turn(workers, load, n):
    begin = clock()
    for go, done in workers: go.put((load, n))
    for go, done in workers: done.get()
    return clock() - begin
def fitting(load, wanted):
    def least(): return min(turn(all[:1], load, n) for _ in range(5))
    n = 100
    while least() < wanted / 4: n *= 2
    n = int(n * wanted / least())
    return int(n * wanted / least())
"""


def measure(kernel: Path) -> Figures:
    """Keys: `timed`: by load and number of interpreters (text) `least`, the
    microseconds of a turn, and `cpu`, those for which the host's CPUs have run all of it, least of
    the means of batches; `counted`: `least`, in instructions; `rival`: as `timed`, of CPython's
    multiprocessing on the host."""
    return {
        "timed": timed(kernel, TIMED, _BATCHES, _BATCH, _TIMED_US),
        "counted": counted(kernel, COUNTED, _COUNTED_BATCH, _COUNTED_US * 1000),
        "rival": rival(TIMED, _BATCHES, _BATCH, _TIMED_US),
    }


class Guests:
    """The interpreters of a guest."""

    def __init__(self, guest: Guest, most: int, clock: str) -> None:
        """`clock`: of Python's module time."""
        self._guest = guest
        loads = Path(smp_loads.__file__).read_text()
        guest.wait_for_prompt()
        guest.output_of(f"loads = {loads!r}\nwork = {_WORKER!r}{_PROGRAM}clock = {clock}")
        guest.output_of(f"all = [worker() for _ in range({most})]", _TIMEOUT)

    def fit(self, load: str, wanted: int) -> None:
        """Choose the load, of a size that takes one about as long."""
        self._guest.output_of(f"load, n = {load!r}, fitting({load!r}, {wanted})", _TIMEOUT)

    def least(self, count: int, turns: int) -> int:
        """The least of so many turns, of `count` interpreters each."""
        every = f"turn(all[:{count}], load, n) for _ in range({turns})"
        return int(self._guest.output_of(f"print(min({every}))", _TIMEOUT))


def counted(kernel: Path, counts: Sequence[int], turns: int, wanted: int) -> Figures:
    figures: Figures = {}
    spec = VmSpec(kernel, max(counts), cmdline=_HEAP, count_instructions=True)
    with Guest(Qemu(), spec) as guest:
        guests = Guests(guest, max(counts), "ticks_cpu")
        for load in LOADS:
            guests.fit(load, wanted)
            figures[load] = {str(count): {"least": guests.least(count, turns)} for count in counts}
    return figures


def timed(kernel: Path, counts: Sequence[int], batches: int, batch: int, wanted: int) -> Figures:
    figures: Figures = {}
    vmm = Qemu()
    with Guest(vmm, VmSpec(kernel, max(counts), cmdline=_HEAP)) as guest:
        guests = Guests(guest, max(counts), "ticks_us")
        for load in LOADS:
            guests.fit(load, wanted)
            least: dict[int, list[int]] = {count: [] for count in counts}
            cpu: dict[int, list[float]] = {count: [] for count in counts}
            for _, count in product(range(batches), counts):
                before = sum(vmm.cpu_seconds())
                least[count].append(guests.least(count, batch))
                cpu[count].append((sum(vmm.cpu_seconds()) - before) * 1e6 / batch)
            figures[load] = {
                str(count): {"least": min(least[count]), "cpu": min(cpu[count])} for count in counts
            }
    return figures


def rival(counts: Sequence[int], batches: int, batch: int, wanted: int) -> Figures:
    command = [sys.executable, "-m", f"{__package__}.smp_rival"]
    command += [str(number) for number in (batches, batch, wanted, *counts)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=_TIMEOUT, check=False
    )
    if done.returncode:
        raise WorkFailed(f"CPython's multiprocessing failed: {done.stderr.strip()}")
    figures: Figures = json.loads(done.stdout)
    return figures


def ratio(times: Figures, count: int, key: str) -> float:
    """`count` times what one takes, by what `count` take; never rounded up."""
    return int(1000 * count * times["1"][key] / times[str(count)][key]) / 1000


def speed_up(times: Figures, count: int) -> float:
    """How many times as much `count` do as one, in the same time."""
    return ratio(times, count, "least")


def speed_up_by_cpu_time(times: Figures, count: int) -> float:
    """The same, where each has had a CPU of the host to itself: what is lost is CPU time."""
    return round(count * ratio(times, count, "cpu"), 3)


def useful_share(instructions: Figures, count: int) -> float:
    """Of the instructions of `count`: what their loads take alone."""
    return ratio(instructions, count, "least")


def worst(
    what: str, of: Callable[[Figures, int], float], by_load: Figures, count: int, limit: float
) -> Budget:
    values = {load: of(by_load[load], count) for load in LOADS}
    load = min(values, key=values.__getitem__)
    title = f"{what}, {count} interpreters: {load.replace('_', ' ')}"
    return Budget(title, values[load], limit, "", at_least=True)


def budgets(figures: Figures) -> list[Budget]:
    made = []
    for count in TIMED[1:]:
        by_load, limit = figures["timed"], SHARE * count
        made.append(worst("least speed-up", speed_up, by_load, count, limit))
        made.append(worst("by CPU time", speed_up_by_cpu_time, by_load, count, limit))
    for count in COUNTED[1:]:
        what = "useful share of instructions"
        made.append(worst(what, useful_share, figures["counted"], count, SHARE))
    return made


def tables(figures: Figures) -> Iterator[Table]:
    columns: dict[str, tuple[str, Callable[[Figures, int], float], int]] = {}
    for count in TIMED[1:]:
        columns[f"{count}, least time"] = ("timed", speed_up, count)
        columns[f"{count}, CPU time"] = ("timed", speed_up_by_cpu_time, count)
        columns[f"multi-processing {count}, least"] = ("rival", speed_up, count)
        columns[f"multi-processing {count}, CPU"] = ("rival", speed_up_by_cpu_time, count)
    for count in COUNTED[1:]:
        columns[f"{count}, useful instructions"] = ("counted", useful_share, count)
    shown = table("Speed-up by interpreters", ["", *columns])
    for load in LOADS:
        values = [of(figures[way][load], count) for way, of, count in columns.values()]
        shown.add_row(load.replace("_", " "), *(f"{value:.3f}" for value in values))
    yield shown
