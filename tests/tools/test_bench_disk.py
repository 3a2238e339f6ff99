# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What `./inv bench disk` asks of its guests, and makes of what they say."""

import pytest

from tools.bench import disk, disk_linux
from tools.bench.disk_job import DEPTHS, JOBS, Job
from tools.bench.report import Figures


def test_every_depth_divides_its_requests() -> None:
    assert {job.depth for job in JOBS} == set(DEPTHS)
    assert all(job.count % job.depth == 0 and job.count > job.depth for job in JOBS)
    assert len({job.name for job in JOBS}) == len(JOBS)


@pytest.mark.parametrize(
    ("job", "kind", "engine"),
    [
        (Job(False, False, 4096, 1, 10), "read", "psync"),
        (Job(True, True, 1 << 20, 32, 64), "randwrite", "io_uring"),
    ],
)
def test_options_of_fio(job: Job, kind: str, engine: str) -> None:
    words = disk_linux.options_of(job).split()
    assert f"--rw={kind}" in words
    assert f"--ioengine={engine}" in words
    assert f"--io_size={job.block * job.count}" in words
    assert "--direct=1" in words


def figures_of(ours: float, linux: float) -> Figures:
    boot = {"instructions": 1, "exits_beside_console": 120, "touched_guest_pages": 1}
    return {
        "raw": {"a": {"ratio": 2.0}, "b": {"ratio": 0.94}},
        "instructions": {"a": {"ours": ours, "linux": linux}},
        "boot": {"none": boot, "littlefs": boot},
    }


def test_the_worst_counts() -> None:
    raw, counted, boot = disk.budgets(figures_of(1000, 949))
    assert (raw.value, raw.met) == (0.94, False)
    assert (counted.value, counted.met) == (0.949, False)
    assert boot.met
    assert disk.budgets(figures_of(1000, 950))[1].met
