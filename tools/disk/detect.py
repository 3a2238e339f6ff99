# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Finds what lies in an image: its partition table, and the filesystems."""

from dataclasses import dataclass

from ..errors import UserError
from . import littlefs, partitions, romfs
from .fat import Fat
from .fat_layout import Geometry, read_geometry
from .filesystem import Filesystem
from .image import Area
from .littlefs import LittleFilesystem, Superblock
from .partition_table import Partition, PartitionTable
from .romfs import RomFilesystem, RomImage


@dataclass(frozen=True)
class Place:
    """Where a filesystem is, in an image that may have partitions."""

    area: Area
    table: PartitionTable | None
    partition: Partition | None


def find_place(image: Area, number: int | None) -> Place:
    """The partition of that number, or the first with a filesystem; or all of the image."""
    table = partitions.read(image)
    if table is None:
        if number is not None:
            raise UserError("--partition-number: the image has no partitions.")
        if find_filesystem(image) is None:
            raise UserError(
                "The image holds neither FAT, littlefs nor ROMFS, and no partition table.",
                "Make one: ./inv disk create",
            )
        return Place(image, None, None)
    for partition in table.partitions:
        wanted = find_filesystem(partition.area) if number is None else partition.number == number
        if wanted:
            return Place(partition.area, table, partition)
    numbers = ", ".join(str(each.number) for each in table.partitions) or "none"
    if number is None:
        raise UserError(f"No partition of the image holds a filesystem (it has: {numbers}).")
    raise UserError(f"The image has no partition {number}.", f"It has: {numbers}.")


def find_filesystem(area: Area) -> Superblock | Geometry | RomImage | None:
    """What lies there, whole or not. In the guest's order (kernel/fs_probe.c): the second block of
    an old littlefs may lie in the middle of what came after it."""
    return (
        littlefs.first_superblock(area)
        or read_geometry(area)
        or romfs.find_image(area)
        or littlefs.second_superblock(area)
    )


def open_filesystem(area: Area) -> Filesystem:
    """UserError where there is none that we know, Broken where it is damaged."""
    found = find_filesystem(area)
    if found is None:
        raise UserError("There is neither FAT, littlefs nor ROMFS in it.")
    if isinstance(found, Superblock):
        return LittleFilesystem(area, found)
    return Fat(area, found) if isinstance(found, Geometry) else RomFilesystem(area, found)
