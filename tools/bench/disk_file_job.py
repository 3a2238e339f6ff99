# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What the guests of `./inv bench disk` are asked to do with files."""

from dataclasses import dataclass, replace

from .disk_job import DEPTHS, KIB, MIB, Job

LARGE = "large"
LARGE_BYTES = 24 * MIB
"""Of the file for depth 1: several times what the guest may keep in memory."""
SMALL_BYTES = 2 * MIB
"""Of each of the files for more: one for each request in flight, named by their numbers."""
COUNTS = {4 * KIB: 512, 64 * KIB: 256, MIB: 24}
"""Requests of a turn, by their size: at depth 1. Of random ones of 4 KiB there are half as many."""
_COUNTS_OF_SMALL = {4 * KIB: 64, 64 * KIB: 32, MIB: 2}
"""Of each file, where there are several."""
_SLOW_COUNTS = {1: 2, 32: 32}
"""By depth: of jobs that are slow."""


@dataclass(frozen=True)
class FileJob(Job):
    """`count` requests of a program, each of `block` bytes: to one file, or in equal parts to as
    many files as `depth` says, each of which has one in flight all the time.

    Sequential ones go on up to the file's end, so that littlefs has no rest to write anew. A write
    is over when all is on the disk.
    """

    is_new: bool = False
    """Whether the file is made, and not written in place."""

    @property
    def name(self) -> str:
        return super().name + (", new file" if self.is_new else "")

    @property
    def files(self) -> list[str]:
        if self.is_new:
            return ["new"]
        return [LARGE] if self.depth == 1 else [str(number) for number in range(self.depth)]

    @property
    def file_bytes(self) -> int:
        """Of each."""
        return LARGE_BYTES if self.depth == 1 else SMALL_BYTES

    @property
    def first(self) -> int:
        """Where the requests to a file begin, in bytes; random ones are anywhere."""
        if self.is_new or self.scattered:
            return 0
        return self.file_bytes - self.count // self.depth * self.block

    @property
    def raw(self) -> Job:
        """The same of the raw disk, which has no files."""
        return Job(self.writes, self.scattered, self.block, self.depth, self.count)

    def is_slow_on(self, filesystem: str) -> bool:
        """Whether each request takes seconds: it writes anew all that follows in the file."""
        return filesystem == "littlefs" and self.writes and self.scattered

    def on(self, filesystem: str) -> "FileJob":
        """With as many requests as one can wait for."""
        slow = self.is_slow_on(filesystem)
        return replace(self, count=_SLOW_COUNTS[self.depth]) if slow else self


def _count(block: int, depth: int, scattered: bool) -> int:
    count = COUNTS[block] if depth == 1 else depth * _COUNTS_OF_SMALL[block]
    return count // 2 if scattered and block == 4 * KIB else count


FILE_JOBS = [
    FileJob(writes, scattered, block, depth, _count(block, depth, scattered))
    for block in COUNTS
    for depth in DEPTHS
    for writes in (False, True)
    for scattered in (False, True)
] + [FileJob(True, False, block, 1, count, is_new=True) for block, count in COUNTS.items()]
