# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Reads a GPT (UEFI 2.10, section 5.3), by the guest's rules: kernel/partitions_gpt.c."""

import struct
import zlib
from dataclasses import dataclass

from .image import SECTOR, Area
from .partition_table import PartitionTable, Problem, Range

SIGNATURE = b"EFI PART"
FIRST_COPY = 1
"""The sector of the first header."""
HEADER = struct.Struct("<8sHHIII4Q16sQIII")
"""Table 5.5. The second number is the version."""
ENTRY = struct.Struct("<16s16sQQQ72s")
"""Table 5.6."""

_VERSION = 1
_FIRST_USABLE_MIN = 2
_ENTRY_SIZE_MAX = 4096
_ARRAY_SIZE_MAX = 512 << 10
_UNUSED = bytes(16)


@dataclass(frozen=True)
class _Header:
    alternate: int
    first: int
    last: int
    array_at: int
    entries: int
    entry_size: int
    entries_crc: int

    @property
    def array_size(self) -> int:
        return self.entries * self.entry_size

    @property
    def usable(self) -> Range:
        return Range(self.first, self.last - self.first + 1)


def read(image: Area, sector: int) -> PartitionTable:
    """What the header in that sector says. Problem where it must not be used."""
    header = _whole_header(image, sector)
    _check(header, sector, image.size // SECTOR)
    array = image.read(header.array_at * SECTOR, header.array_size)
    if len(array) < header.array_size:
        raise Problem("GPT: the entries cannot be read")
    if zlib.crc32(array) != header.entries_crc:
        raise Problem("GPT: the entries' checksum is wrong")
    table = PartitionTable("GPT")
    for index in range(header.entries):
        kind, _, first, last, _, name = ENTRY.unpack_from(array, index * header.entry_size)
        if kind == _UNUSED:
            continue
        place = Range(first, last - first + 1)
        if last < first or not header.usable.holds(place):
            raise Problem("it lies outside of where partitions may lie", index + 1)
        text = name.decode("utf-16-le", errors="replace").split("\0")[0]
        table.add(image, index + 1, place, text)
    return table


def place_of_copy(image: Area) -> int:
    """Where the first header says, if it is whole; else the last sector."""
    try:
        return _whole_header(image, FIRST_COPY).alternate
    except Problem:
        return image.size // SECTOR - 1


def _whole_header(image: Area, sector: int) -> _Header:
    """5.3.2"""
    raw = image.read(sector * SECTOR, SECTOR)
    if len(raw) < SECTOR:
        raise Problem("GPT: the header cannot be read")
    (signature, _, version, size, checksum, _, own, *fields) = HEADER.unpack_from(raw)
    alternate, first, last, _, array_at, entries, entry_size, entries_crc = fields
    if signature != SIGNATURE:
        raise Problem("GPT: there is no header")
    if version != _VERSION or not HEADER.size <= size <= SECTOR:
        raise Problem("GPT: the header is of a version that is not known here")
    if zlib.crc32(raw[:16] + bytes(4) + raw[20:size]) != checksum:
        raise Problem("GPT: the header's checksum is wrong")
    if own != sector:
        raise Problem("GPT: the header is that of another place")
    return _Header(alternate, first, last, array_at, entries, entry_size, entries_crc)


def _check(header: _Header, sector: int, sectors: int) -> None:
    if header.last >= sectors:
        raise Problem("GPT: the disk is smaller than when the table was made")
    sizes = (
        ENTRY.size <= header.entry_size <= _ENTRY_SIZE_MAX
        and header.entry_size % 8 == 0
        and 0 < header.array_size <= _ARRAY_SIZE_MAX
    )
    array = Range(header.array_at, -(-header.array_size // SECTOR))
    if (
        not sizes
        or not _FIRST_USABLE_MIN <= header.first <= header.last
        or array.start < _FIRST_USABLE_MIN
        or array.overlaps(header.usable)
        or Range(sector, 1).overlaps(header.usable)
    ):
        raise Problem("GPT: the header makes no sense")
