# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""A partition table as data, while it is read and afterwards."""

from dataclasses import dataclass, field

from .image import SECTOR, Area

PARTITIONS_MAX = 24
"""Of a table; what is beyond, the guest does not use either."""


class Problem(Exception):
    """A table, or a copy of one, must not be used: the words are the guest's."""

    def __init__(self, text: str, number: int = 0) -> None:
        """`number`: of the partition that it is about; 0: it is about none."""
        super().__init__(text)
        self.text = text
        self.number = number

    def __str__(self) -> str:
        return f"partition {self.number}: {self.text}" if self.number else self.text


@dataclass(frozen=True)
class Range:
    """Sectors."""

    start: int
    count: int

    def holds(self, other: "Range") -> bool:
        return self.start <= other.start and other.start + other.count <= self.start + self.count

    def overlaps(self, other: "Range") -> bool:
        return self.start < other.start + other.count and other.start < self.start + self.count


@dataclass(frozen=True)
class Partition:
    number: int
    """As in the table, from 1; logical ones of an MBR from 5."""
    range: Range
    area: Area
    name: str = ""


@dataclass
class PartitionTable:
    kind: str
    """MBR or GPT."""
    partitions: list[Partition] = field(default_factory=list)
    problem: str = ""
    """Of a GPT: why its copy at the end is used, where it is."""

    def add(self, image: Area, number: int, range: Range, name: str = "") -> None:
        """Note a partition that lies in the image. Problem where it overlaps another."""
        if any(range.overlaps(each.range) for each in self.partitions):
            raise Problem("it overlaps another partition", number)
        if len(self.partitions) < PARTITIONS_MAX:
            area = image.part(range.start * SECTOR, range.count * SECTOR)
            self.partitions.append(Partition(number, range, area, name))
