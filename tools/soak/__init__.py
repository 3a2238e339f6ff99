# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The `soak` task: a guest does all that several CPUs may do, for a long time, and loses nothing.

Round after round runs tools/soak/program.py in a fresh interpreter of the same machine, interrupts
it, and every third time leaves it in the middle by a soft reset. What is wrong ends it at once: an
answer that does not come in time, memory that is not given back. At the end: waiting has not become
slower.
"""

import json
import os
import random
import re
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from .. import host
from ..build import build
from ..errors import WorkFailed
from ..guest import Guest
from ..terminal import progress
from ..vmm import make_vmm
from ..vmm.base import VmSpec

PROGRAM = Path(__file__).with_name("program.py")
ROUND = 4.0
"""Seconds of a round, and of one that is abandoned a part of that."""
DEADLINE = 20.0
"""Seconds for an answer, on a VMM as fast as QEMU's emulation."""
MACHINE: dict[str, Any] = {"memory": "128M", "cmdline": "heap=8M"}
"""Small, so that its memory can be used up."""
GROWTH = 3.0
"""Times by which a busy host alone may make waiting longer, for the quickest too."""

_ABANDONED = 3  # Every so many rounds.
_WARM_UP = 2  # Rounds, until the kernel has what it keeps.
_LINE = re.compile(rb"(INTERRUPT|RESULT (.*))\r\n")


@dataclass
class Figures:
    """What a soak has seen."""

    rounds: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    """By activity how often it was done."""
    medians: list[int] = field(default_factory=list)
    """Of each round, microseconds there and back by two queues."""
    quick: list[int] = field(default_factory=list)
    """The same, of the quickest tenth the slowest."""
    free: int = 0
    """Bytes that nobody uses or was promised, between two rounds."""

    def growth(self) -> tuple[float, float]:
        """By how much `medians` and `quick` have grown: the last tenth by the first."""
        tenth = max(1, len(self.medians) // 10)
        medians, quick = (
            statistics.median(values[-tenth:]) / max(1.0, statistics.median(values[:tenth]))
            for values in (self.medians, self.quick)
        )
        return medians, quick


class Soak:
    """A guest at its prompt that is soaked."""

    def __init__(self, guest: Guest, seed: int) -> None:
        self.figures = Figures()
        self._guest = guest
        self._random = random.Random(seed)
        self._deadline = DEADLINE * guest.vmm.slowness
        self._seconds = ROUND * guest.vmm.slowness**0.5
        self.memory: tuple[int, int] | None = None
        """Bytes free and promised between two rounds, as after those that warm it up. A promised
        page becomes a used one where a stack has grown more than before: both are one less."""

    def run(self, seconds: float, show: Callable[[str], None]) -> None:
        """WorkFailed or GuestError if something is lost."""
        end = time.monotonic() + seconds
        while time.monotonic() < end or self.figures.rounds <= _WARM_UP:
            show(f"round {self.figures.rounds + 1}")
            self.round()
        growth = min(self.figures.growth())
        if growth > GROWTH:
            raise WorkFailed(f"Waiting takes {growth:.1f} times as long as at the beginning.")

    def round(self) -> None:
        abandoned = self.figures.rounds % _ABANDONED == _ABANDONED - 1
        seed = self._random.getrandbits(30)
        code = f"{PROGRAM.read_text()}\nbegin({self._seconds}, {self._deadline}, {seed})"
        self._guest.output_of(code, self._deadline)
        if abandoned:
            time.sleep(self._seconds * self._random.random() / 2)
        else:
            self._end()
        self._guest.soft_reset()
        self.figures.rounds += 1
        self._check_memory()

    def _end(self) -> None:
        """The rest of a round, with Ctrl-C whenever the guest waits for that."""
        self._guest.repl.start(b"end()", self._guest.timeout)
        while True:
            match = _LINE.search(self._guest.read_until(_LINE, self._seconds + self._deadline))
            if match is None or match[2]:
                break
            time.sleep(0.2 * self._random.random() * self._guest.vmm.slowness)
            self._guest.interrupt()
        self._guest.read_until(b"\x04")
        traceback = self._guest.repl.finish(self._guest.timeout).decode()
        said: dict[str, Any] = json.loads(match[2]) if match is not None else {}
        if traceback or said["failures"]:
            raise WorkFailed("\n".join([*said["failures"], traceback]).strip())
        self.figures.counts.update(said["counts"])
        self.figures.medians.append(said["median"])
        self.figures.quick.append(said["quick"])

    def _check_memory(self) -> None:
        """Free and promised pages are what they were."""
        _, free, promised, *_ = self._guest.eval("__import__('_guest').pages()")
        self.figures.free = free - promised
        if self.figures.rounds < _WARM_UP:
            return
        if self.memory is None:
            self.memory = free, promised
        elif free - promised != self.memory[0] - self.memory[1]:
            raise WorkFailed(
                f"Round {self.figures.rounds} left {free:,} bytes free and {promised:,} promised; "
                f"it was {self.memory[0]:,} and {self.memory[1]:,}."
            )


def main(seconds: float, vmm: str | None, cpus: int | None, seed: int | None) -> int:
    """Soak a guest, on all CPUs of the host unless `cpus` says otherwise, and print what it did."""
    host.require("build", "run")
    cpus = cpus or len(os.sched_getaffinity(0))
    seed = random.getrandbits(30) if seed is None else seed
    output = Console(highlight=False)
    with Guest(make_vmm(vmm), VmSpec(build().elf, cpus, **MACHINE)) as guest:
        guest.wait_for_prompt()
        soak = Soak(guest, seed)
        output.print(f"{seconds:g} s on {guest.vmm.name} with {cpus} CPUs, seed {seed}")
        with progress("Soaking") as line:
            soak.run(seconds, line.detail)
    show(soak.figures, output)
    return 0


def show(figures: Figures, output: Console) -> None:
    done = ", ".join(f"{name} {count:,}" for name, count in sorted(figures.counts.items()))
    medians, quick = figures.growth()
    output.print(f"{figures.rounds} rounds: {done}", soft_wrap=True)
    output.print(f"{figures.free:,} bytes free after each")
    output.print(
        f"there and back by two queues: {statistics.median(figures.medians):,.0f} us; "
        f"the last tenth by the first: {medians:.2f}, of the quickest {quick:.2f}",
        soft_wrap=True,
    )
