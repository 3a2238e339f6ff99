# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What the guests of `./inv bench disk` are asked to do, and what comes of it."""

from dataclasses import dataclass, replace
from typing import Protocol

from ..guest import Guest

KIB = 1 << 10
MIB = 1 << 20
COUNTS = {4 * KIB: 400, 64 * KIB: 200, MIB: 64}
"""Requests of a turn, by their size: at depth 1."""
DEPTHS = (1, 32)


@dataclass(frozen=True)
class Job:
    """`count` requests of `block` bytes, of which `depth` are in flight all the time."""

    writes: bool
    scattered: bool
    block: int
    depth: int
    count: int
    interpreters: int = 1
    """Ours, among which depth and count are divided. To Linux it means nothing."""

    @property
    def name(self) -> str:
        order = "random" if self.scattered else "sequential"
        size = f"{self.block // MIB}M" if self.block >= MIB else f"{self.block // KIB}K"
        name = f"{order} {'write' if self.writes else 'read'} {size} ×{self.depth}"
        return name if self.interpreters == 1 else f"{name}, {self.interpreters} interpreters"

    @property
    def beside(self) -> "Job":
        """One with as few requests as can be: what it costs, a turn costs beside its requests."""
        return replace(self, count=self.depth)


JOBS = [
    Job(writes, scattered, block, depth, count * (1 if depth == 1 else 4))
    for block, count in COUNTS.items()
    for depth in DEPTHS
    for writes in (False, True)
    for scattered in (False, True)
] + [Job(writes, True, 4 * KIB, 32, 4 * COUNTS[4 * KIB], 8) for writes in (False, True)]


@dataclass(frozen=True)
class Turn:
    """What the guest says of a job."""

    microseconds: float
    interrupts: int
    """Of the disk's queue, since the guest's boot."""


class DiskGuest(Protocol):
    """A guest that is up and has the disk."""

    guest: Guest

    def run(self, job: Job) -> Turn: ...
