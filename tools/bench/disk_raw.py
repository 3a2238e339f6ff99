# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The raw device, beside Linux's direct I/O: both guests are up, and take turns job by job."""

import statistics
from dataclasses import replace

from ..terminal import progress
from ..vmm import make_vmm
from ..vmm.nested import Nested
from .disk_job import JOBS, KIB, DiskGuest, Job
from .disk_pair import Pair
from .report import Figures

ROUNDS = 3
_WARM_UP = Job(False, False, 1 << 20, 1, 64)
_FASTER = {"qemu": 4}
"""How many times as many requests a turn has there, to take long enough."""


class Counted:
    """A guest whose exits and interrupts are counted beside its time."""

    def __init__(self, disk: DiskGuest) -> None:
        self._disk = disk
        self._beside: dict[tuple[int, int], tuple[float, float]] = {}
        """By depth and interpreters."""
        self._interrupts = disk.run(_WARM_UP).interrupts
        for kind in {_kind(job): None for job in JOBS}:
            depth, interpreters = kind
            job = Job(False, True, 4 * KIB, depth, depth, interpreters)
            runs = [self._count(job) for _ in range(ROUNDS)]
            self._beside[kind] = (
                statistics.median(exits for _, _, exits in runs),
                statistics.median(interrupts for _, interrupts, _ in runs),
            )

    def run(self, job: Job) -> dict[str, float]:
        """`microseconds`, and `exits` and `interrupts` for each request: those of a turn with as
        few requests as can be are taken off."""
        taken, interrupts, exits = self._count(job)
        beside_exits, beside_interrupts = self._beside[_kind(job)]
        more = job.count - job.depth
        return {
            "microseconds": taken,
            "exits": max(0.0, exits - beside_exits) / more,
            "interrupts": max(0.0, interrupts - beside_interrupts) / more,
        }

    def _count(self, job: Job) -> tuple[float, int, int]:
        exits = self._exits()
        turn = self._disk.run(job)
        interrupts = turn.interrupts - self._interrupts
        self._interrupts = turn.interrupts
        return turn.microseconds, interrupts, self._exits() - exits

    def _exits(self) -> int:
        vmm = self._disk.guest.vmm
        return vmm.vm_exits() if isinstance(vmm, Nested) else 0


def _kind(job: Job) -> tuple[int, int]:
    return job.depth, job.interpreters


def measure(pair: Pair, name: str) -> Figures:
    """By job's name: `bytes` and `requests` of a turn; `ours` and `linux`, each with `microseconds`
    of all turns and the medians of `exits` and `interrupts` for each request; and `ratio` of the
    median times: how many times as fast ours is."""
    scale = _FASTER.get(name, 1)
    jobs = [replace(job, count=job.count * scale) for job in JOBS]
    turns: dict[str, list[dict[str, dict[str, float]]]] = {job.name: [] for job in jobs}
    with (
        pair.ours(make_vmm(name)) as ours,
        pair.linux(make_vmm(name)) as linux,
        progress("Measuring disks") as line,
    ):
        guests = {"ours": Counted(ours), "linux": Counted(linux)}
        for turn in range(1, ROUNDS + 1):
            for job in jobs:
                line.detail(f"turn {turn} of {ROUNDS}: {job.name}")
                turns[job.name].append({who: guest.run(job) for who, guest in guests.items()})
    return {job.name: _summary(job, turns[job.name]) for job in jobs}


def _summary(job: Job, turns: list[dict[str, dict[str, float]]]) -> Figures:
    figures: Figures = {"bytes": job.block * job.count, "requests": job.count}
    for who in ("ours", "linux"):
        mine = [turn[who] for turn in turns]
        figures[who] = {
            "microseconds": [one["microseconds"] for one in mine],
            "exits": statistics.median(one["exits"] for one in mine),
            "interrupts": statistics.median(one["interrupts"] for one in mine),
        }
    medians = [statistics.median(figures[who]["microseconds"]) for who in ("linux", "ours")]
    figures["ratio"] = int(1000 * medians[0] / max(medians[1], 1)) / 1000
    return figures
