# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Finds the partition table of an image, by the rules of the guest: kernel/partitions.h has them.

Sectors have 512 bytes. The same cases prove that both find the same: tests/host/test_partitions.py.
"""

from ..romfs import MAGIC as ROMFS_MAGIC
from . import littlefs, partitions_gpt, partitions_mbr
from .filesystem import Broken
from .image import SECTOR, Area
from .partition_table import PartitionTable, Problem

_BOTH = "a littlefs or ROMFS begins before the table, and nobody can say which of them is old"


def read(image: Area) -> PartitionTable | None:
    """None where there is none: all of it may be a filesystem. Broken where it must not be used."""
    image = image.part(0, image.size - image.size % SECTOR)
    sector = image.read(0, SECTOR)
    if not partitions_mbr.is_mbr(sector):
        return None
    is_gpt = partitions_mbr.is_protective(sector)
    table, problem = None, Problem("")
    try:
        if is_gpt:
            table = partitions_gpt.read(image, partitions_gpt.FIRST_COPY)
        else:
            table = partitions_mbr.read(image, sector)
    except Problem as found:
        problem = found
    holds = table is not None and bool(table.partitions)
    is_small = _is_small_superblock(sector)
    if not holds and (is_small or (_is_boot_sector(sector) and not is_gpt)):
        return None
    if is_small:
        raise _broken(_BOTH)
    if table is None and is_gpt:
        return _read_copy(image, problem)
    if table is None:
        raise _broken(str(problem))
    return table


def _read_copy(image: Area, problem: Problem) -> PartitionTable:
    """What a GPT's copy says, for the first one has a problem."""
    try:
        table = partitions_gpt.read(image, partitions_gpt.place_of_copy(image))
    except Problem as another:
        raise _broken(f"{problem}; and its copy: {another.text}") from None
    table.problem = str(problem)
    return table


def _is_boot_sector(sector: bytes) -> bool:
    is_fat = sector[0] in (0xE9, 0xEB, 0xE8) and (
        sector[54:57] == b"FAT" or sector[82:87] == b"FAT32"
    )
    return is_fat or sector[3:11] in (b"EXFAT   ", b"NTFS    ")


def _is_small_superblock(sector: bytes) -> bool:
    at = littlefs.MAGIC_AT
    is_littlefs = sector[at : at + len(littlefs.MAGIC)] == littlefs.MAGIC
    return is_littlefs or sector.startswith(ROMFS_MAGIC)


def _broken(what: str) -> Broken:
    return Broken(
        f"The image's partition table is broken: {what}.",
        "Repair it with gdisk or fdisk, or make another image.",
    )
