# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What the task `disk` finds on a disk, in the words in which probe_disk.c says it of the guest."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from tests.host.disk_images import Disk
from tools.disk import partitions
from tools.disk.filesystem import Broken
from tools.disk.image import SECTOR, Area

_SIZE_MAX = 1 << 40
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def can_have(disk: Disk) -> bool:
    """Whether it can be a file that the task reads."""
    is_file = disk.sector_size == SECTOR and disk.sectors <= _SIZE_MAX // SECTOR
    return is_file and all(content is not None for _, content in disk.pieces)


@contextmanager
def image(disk: Disk) -> Iterator[Area]:
    """The disk as a file, with holes for its zeros."""
    with tempfile.TemporaryFile() as file:
        file.truncate(disk.sectors * SECTOR)
        for at, content in disk.pieces:
            left = max(0, disk.sectors * SECTOR - at)
            os.pwrite(file.fileno(), (content or b"")[:left], at)
        yield Area(file.fileno(), 0, disk.sectors * SECTOR)


def table(disk: Disk) -> list[str]:
    with image(disk) as area:
        try:
            found = partitions.read(area)
        except Broken as error:
            return [error.message]
    if found is None:
        return ["none"]
    lines = [f"problem: {found.problem}"] if found.problem else []
    for each in found.partitions:
        name = f" '{_CONTROL.sub('?', each.name)}'" if found.kind == "GPT" else ""
        lines.append(f"{each.number}: {each.range.start} {each.range.count}{name}")
        assert (each.area.start, each.area.size) == (
            *(each.range.start * SECTOR, each.range.count * SECTOR),
        )
    return [found.kind, *lines]


def as_the_task_says(lines: list[str]) -> list[str]:
    """What of probe_disk's lines the task knows, too."""
    kind, *rest = lines
    if kind == "broken":
        problem = _shortened(rest[0]).removeprefix("problem: ")
        copy = f"; and its {rest[1]}" if rest[1:] else ""
        return [f"The image's partition table is broken: {problem}{copy}."]
    return [kind.removesuffix(", and more"), *map(_shortened, rest)]


def _shortened(line: str) -> str:
    if line.startswith("problem: "):
        _, number, problem = line.split(": ", 2)
        return f"problem: partition {number}: {problem}" if number != "0" else f"problem: {problem}"
    number, start, count, *name = line.split(" ", 4)
    return " ".join([number, start, count, *name[1:]])
