# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Files on a disk: on FAT beside Linux's direct I/O to the same files, and all beside our raw disk.
The guests are up, and take turns job by job."""

import os
import shutil
import statistics
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ..disk.create import Wish, create
from ..terminal import progress
from ..vmm import make_vmm
from ..vmm.disk import Disk
from .disk_count import cost_of
from .disk_file_job import FILE_JOBS, LARGE, LARGE_BYTES, SMALL_BYTES, FileJob
from .disk_file_ours import OurFiles
from .disk_job import DEPTHS, MIB, Job
from .disk_linux import LinuxDisk
from .disk_pair import Pair
from .instruction_log import LoggingQemu
from .report import Figures

ROUNDS = 3
FILESYSTEMS = ("fat", "littlefs")
_COUNTED = (4, 20)
"""MiB of two turns, of which the difference counts."""
IMAGE_BYTES = 192 * MIB
"""littlefs keeps a file until its new content is whole: there is room for all of them twice."""


def make_images(directory: Path) -> dict[str, Path]:
    """Of the same files: by filesystem, and "linux", which is a copy of FAT's."""
    content = directory / "content"
    content.mkdir()
    piece = os.urandom(MIB)
    (content / LARGE).write_bytes(piece * (LARGE_BYTES // MIB))
    for number in range(max(DEPTHS)):
        (content / str(number)).write_bytes(piece * (SMALL_BYTES // MIB))
    images = {}
    for filesystem in FILESYSTEMS:
        images[filesystem] = directory / f"files-{filesystem}.img"
        create(images[filesystem], Wish(IMAGE_BYTES, filesystem), source=content, force=True)
    images["linux"] = directory / "files-linux.img"
    shutil.copy(images["fat"], images["linux"])
    shutil.rmtree(content)
    return images


def measure(pair: Pair, name: str, directory: Path) -> Figures:
    """By filesystem: `first_write`, microseconds of all turns for a small new file right after a
    mount; `instructions` of `reads` and `writes`, for each MiB of a file; and `jobs`. By its name:
    `bytes` and `requests` of a turn; `ours`, and on FAT `linux`, microseconds of all turns, one
    where the job is slow; `raw`, the same of our raw disk, for `raw_bytes`; and `to_linux` and
    `to_raw`: how many times as fast ours is as these, by the medians. `directory`: for the images.
    """
    images = make_images(directory)
    disks = [Disk(images[filesystem], serial=filesystem) for filesystem in FILESYSTEMS]
    turns: dict[str, list[dict[str, float]]] = {job.name: [] for job in FILE_JOBS}
    first_writes: dict[str, list[float]] = {filesystem: [] for filesystem in FILESYSTEMS}
    with (
        pair.ours(make_vmm(name), more=disks) as ours,
        pair.linux(make_vmm(name), image=images["linux"]) as linux,
        progress("Measuring files") as line,
    ):
        files = OurFiles(ours)
        _read_all(linux)
        for turn in range(1, ROUNDS + 1):
            for filesystem, taken in first_writes.items():
                taken.append(files.first_write(filesystem))
            for job in FILE_JOBS:
                line.detail(f"turn {turn} of {ROUNDS}: {job.name}")
                turns[job.name].append(_turn(files, linux, job, turn == 1))
    counted = _count(pair, disks)
    return {
        filesystem: {
            "first_write": first_writes[filesystem],
            "instructions": counted[filesystem],
            "jobs": {job.name: summary(job, filesystem, turns[job.name]) for job in FILE_JOBS},
        }
        for filesystem in FILESYSTEMS
    }


def _count(pair: Pair, disks: Sequence[Disk]) -> Figures:
    """By filesystem: instructions for each MiB that is read in order, and written."""
    vmm = LoggingQemu()
    figures: Figures = {filesystem: {} for filesystem in FILESYSTEMS}
    with (
        progress("Counting instructions of files"),
        pair.ours(vmm, counting=True, more=disks) as ours,
    ):
        files = OurFiles(ours)
        for filesystem, figure in figures.items():
            for name, writes in (("reads", False), ("writes", True)):
                least, most = (
                    cost_of(vmm, partial(files.run, filesystem, FileJob(writes, False, MIB, 1, n)))
                    for n in _COUNTED
                )
                figure[name] = round((most - least) / (_COUNTED[1] - _COUNTED[0]))
    return figures


def _turn(files: OurFiles, linux: LinuxDisk, job: FileJob, is_first: bool) -> dict[str, float]:
    """Microseconds by who, as `summary` has them."""
    taken = {"linux": linux.run(job).microseconds, "raw": files.disk.run(job.raw).microseconds}
    for filesystem in FILESYSTEMS:
        if is_first or not job.is_slow_on(filesystem):
            taken[filesystem] = files.run(filesystem, job.on(filesystem))
    return taken


def _read_all(linux: LinuxDisk) -> None:
    """All of the image, once, so that the host has it in its memory."""
    linux.run(Job(False, False, MIB, 1, IMAGE_BYTES // MIB))


def summary(job: FileJob, filesystem: str, turns: Sequence[dict[str, float]]) -> Figures:
    """Of what `measure` has for a job. `turns`: microseconds by who: the filesystems of ours,
    "linux", "raw"."""
    mine = job.on(filesystem)
    ours = [turn[filesystem] for turn in turns if filesystem in turn]
    figures: Figures = {
        "bytes": mine.block * mine.count,
        "requests": mine.count,
        "ours": ours,
        "raw_bytes": job.block * job.count,
    }
    rate = figures["bytes"] / statistics.median(ours)
    for who in ("raw", "linux") if filesystem == "fat" else ("raw",):
        figures[who] = [turn[who] for turn in turns]
        theirs = figures["raw_bytes"] / statistics.median(figures[who])
        figures[f"to_{who}"] = int(1000 * rate / theirs) / 1000
    return figures
