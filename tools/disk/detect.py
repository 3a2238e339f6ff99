# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Finds what lies in an image: its partition table, and the filesystems."""

from dataclasses import dataclass

from ..errors import UserError
from . import littlefs, partitions
from .fat import Fat
from .fat_layout import read_geometry
from .filesystem import Filesystem
from .image import Area
from .littlefs import LittleFilesystem
from .partitions import Partition, PartitionTable


@dataclass(frozen=True)
class Place:
    """Where a filesystem is, in an image that may have partitions."""

    area: Area
    table: PartitionTable | None
    partition: Partition | None


def find_place(image: Area, number: int | None) -> Place:
    """The partition of that number, or the first with a filesystem; or all of the image."""
    table = _find_table(image)
    if table is None:
        if number is not None:
            raise UserError("--partition-number: the image has no partitions.")
        if not has_filesystem(image):
            raise UserError(
                "The image holds neither FAT nor littlefs, and no partition table.",
                "Make one: ./inv disk create",
            )
        return Place(image, None, None)
    for partition in table.partitions:
        wanted = has_filesystem(partition.area) if number is None else partition.number == number
        if wanted:
            return Place(partition.area, table, partition)
    numbers = ", ".join(str(each.number) for each in table.partitions) or "none"
    if number is None:
        raise UserError(f"No partition of the image holds FAT or littlefs (it has: {numbers}).")
    raise UserError(f"The image has no partition {number}.", f"It has: {numbers}.")


def _find_table(image: Area) -> PartitionTable | None:
    if littlefs.find_superblock(image.part(0, min(image.size, 4096))) is not None:
        return None  # Block 0 of littlefs: nothing else has its magic there.
    if partitions.has_gpt(image):
        return partitions.read_gpt(image)
    # A boot sector of FAT ends like an MBR.
    return None if read_geometry(image) else partitions.read_mbr(image)


def has_filesystem(area: Area) -> bool:
    return littlefs.find_superblock(area) is not None or read_geometry(area) is not None


def open_filesystem(area: Area) -> Filesystem:
    """UserError where there is none that we know, Broken where it is damaged."""
    superblock = littlefs.find_superblock(area)
    if superblock is not None:
        return LittleFilesystem(area, superblock)
    geometry = read_geometry(area)
    if geometry is None:
        raise UserError("There is neither FAT nor littlefs in it.")
    return Fat(area, geometry)
