# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What `./inv bench disk` asks of its guests, and makes of what they say."""

from typing import Any

import pytest
from rich.console import Console

from tools.bench import disk, disk_files, disk_linux
from tools.bench.disk_file_job import FILE_JOBS, FileJob
from tools.bench.disk_job import DEPTHS, JOBS, KIB, MIB, Job
from tools.bench.report import Figures


def test_every_depth_divides_its_requests() -> None:
    assert {job.depth for job in JOBS} == set(DEPTHS)
    assert all(job.count % job.depth == 0 and job.count > job.depth for job in JOBS)
    assert all(job.depth % job.interpreters == 0 for job in JOBS)
    assert len({job.name for job in JOBS}) == len(JOBS)


def test_the_raw_disk_is_used_by_several_interpreters_at_once() -> None:
    assert {(job.depth, job.interpreters) for job in JOBS if job.interpreters > 1} == {(32, 8)}


@pytest.mark.parametrize("filesystem", disk_files.FILESYSTEMS)
def test_requests_to_files_stay_in_them(filesystem: str) -> None:
    assert len({job.name for job in FILE_JOBS}) == len(FILE_JOBS)
    for job in (job.on(filesystem) for job in FILE_JOBS):
        assert job.count % job.depth == 0
        assert len(job.files) == job.depth
        assert job.file_bytes % job.block == 0
        if not job.scattered and not job.is_new:
            assert job.first >= 0
            assert job.first + job.count // job.depth * job.block == job.file_bytes


def test_files_are_read_and_written_in_all_ways() -> None:
    ways = {(job.writes, job.scattered, job.block, job.depth) for job in FILE_JOBS}
    assert ways == {
        (writes, scattered, block, depth)
        for writes in (False, True)
        for scattered in (False, True)
        for block in (4 * KIB, 64 * KIB, MIB)
        for depth in (1, 32)
    }


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
    assert "--filename=/dev/vda" in words


def test_options_of_fio_for_files() -> None:
    words = disk_linux.options_of(FileJob(True, False, MIB, 32, 32)).split()
    assert {"--nrfiles=32", "--filesize=2097152", "--offset=1048576"} <= set(words)
    assert "--end_fsync=1" in words
    words = disk_linux.options_of(FileJob(False, True, 4096, 1, 100)).split()
    assert {"--filename=large", "--offset=0", "--rw=randread"} <= set(words)
    assert "--end_fsync=1" not in words
    words = disk_linux.options_of(FileJob(True, False, MIB, 1, 24, is_new=True)).split()
    assert {"--filename=new", f"--size={24 * MIB}", "--unlink=1"} <= set(words)


def test_linux_can_be_told_of_each_job() -> None:
    assert max(len(disk_linux.line_of(job)) for job in (*JOBS, *FILE_JOBS)) < disk_linux.LINE_MOST


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


def shown(table: Any) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_files_are_compared_by_bytes_a_second() -> None:
    job = FileJob(True, True, MIB, 1, 20)
    turns = [{"fat": 20e6, "littlefs": 40e6, "linux": 40e6, "raw": 1e6}] * 2
    fat = disk_files.summary(job, "fat", turns)
    assert (fat["bytes"], fat["requests"], fat["raw_bytes"]) == (20 * MIB, 20, 20 * MIB)
    assert (fat["to_linux"], fat["to_raw"]) == (2.0, 0.05)
    text = shown(
        disk.file_table(
            "FAT",
            {
                "first_write": [1500.0],
                "instructions": {"reads": 1000, "writes": 2000},
                "jobs": {job.name: fat},
            },
        )
    )
    assert [cell.strip() for cell in text.splitlines()[4].split("│")[2:-1]] == [
        "1.00",
        "0.50",
        "2.00",
        "20.00",
        "0.05",
    ]


def test_slow_jobs_on_littlefs_have_one_turn_of_fewer_requests() -> None:
    job = FileJob(True, True, MIB, 1, 20)
    turns = [{"littlefs": 40e6, "linux": 1e6, "raw": 1e6}, {"linux": 1e6, "raw": 1e6}]
    littlefs = disk_files.summary(job, "littlefs", turns)
    assert (littlefs["bytes"], littlefs["ours"], littlefs["to_raw"]) == (2 * MIB, [40e6], 0.002)
    assert "linux" not in littlefs
    figures = {
        "first_write": [1500.0, 1e6, 2000.0],
        "instructions": {"reads": 1000, "writes": 2000},
        "jobs": {job.name: littlefs},
    }
    text = shown(disk.file_table("littlefs", figures))
    assert "0.05" in text
    assert "2.0 ms" in text
