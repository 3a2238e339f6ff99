# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What a request costs a guest's CPU: instructions, as QEMU counts them, of all that the guest does
for it, its kernel and its program. Those of a turn with as few requests as can be are taken off."""

import time
from collections.abc import Callable, Iterable
from functools import partial

from ..errors import WorkFailed
from ..terminal import progress
from .disk_job import JOBS, DiskGuest, Job
from .disk_pair import Pair
from .instruction_log import LoggingQemu
from .report import Figures

_SETTLING_INTERVAL = 0.3
_SETTLING_TIMEOUT = 60.0
_SLACK = 2000
"""Instructions: Linux wakes now and then."""


def measure(pair: Pair) -> Figures:
    """By job's name and guest (`ours`, `linux`): instructions for each request."""
    figures: Figures = {job.name: {} for job in JOBS}
    with progress("Counting instructions of requests") as line:
        ours, linux = LoggingQemu(), LoggingQemu()
        with pair.ours(ours, counting=True) as disk:
            line.detail("ours")
            for job, count in _counts(ours, disk):
                figures[job.name]["ours"] = count
        with pair.linux(linux, counting=True) as rival:
            line.detail("Linux")
            for job, count in _counts(linux, rival):
                figures[job.name]["linux"] = count
    return figures


def _counts(vmm: LoggingQemu, disk: DiskGuest) -> Iterable[tuple[Job, int]]:
    for job in JOBS:
        disk.run(job)  # Whatever happens once.
        costs = [cost_of(vmm, partial(disk.run, one)) for one in (job.beside, job)]
        yield job, round((costs[1] - costs[0]) / (job.count - job.beside.count))


def cost_of(vmm: LoggingQemu, turn: Callable[[], object]) -> int:
    """Instructions of a turn. Of two the lesser: in one the guest may have collected garbage."""
    costs = []
    for _ in range(2):
        before = _settled(vmm)
        turn()
        costs.append(_settled(vmm) - before)
    return min(costs)


def _settled(vmm: LoggingQemu) -> int:
    """Instructions so far, once the guest is at rest."""
    deadline = time.monotonic() + _SETTLING_TIMEOUT
    before = -_SLACK
    while (now := vmm.executed()) - before >= _SLACK:
        if time.monotonic() > deadline:
            raise WorkFailed("The guest does not come to rest.")
        before = now
        time.sleep(_SETTLING_INTERVAL)
    return now
