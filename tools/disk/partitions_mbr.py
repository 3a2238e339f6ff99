# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Reads an MBR and its extended partitions, by the guest's rules: kernel/partitions_mbr.c."""

import struct
from dataclasses import dataclass

from .image import SECTOR, Area
from .partition_table import PartitionTable, Problem, Range

SIGNATURE = b"\x55\xaa"
ENTRY = struct.Struct("<B3sB3sII")
"""Status, first by cylinder and head, type, last, start and count in sectors."""
ENTRIES_AT = 446
ENTRIES = 4
PROTECTIVE = 0xEE
"""The type of a partition that stands for a GPT."""

_EXTENDED = (0x05, 0x0F, 0x85)
_LOGICAL_FIRST = 5
_CHAIN_MAX = 64
_ENTRY_OVERLAPS = "it overlaps another partition"
_STATUS_BITS = 0x7F
"""Of an entry's first byte: none of them is ever set."""


@dataclass(frozen=True)
class _Entry:
    kind: int
    """0: there is none."""
    range: Range

    @property
    def is_extended(self) -> bool:
        return self.kind in _EXTENDED


def is_mbr(sector: bytes) -> bool:
    statuses = sector[ENTRIES_AT : ENTRIES_AT + ENTRIES * ENTRY.size : ENTRY.size]
    return sector[510:512] == SIGNATURE and not any(each & _STATUS_BITS for each in statuses)


def is_protective(sector: bytes) -> bool:
    kinds = sector[ENTRIES_AT + 4 : ENTRIES_AT + ENTRIES * ENTRY.size : ENTRY.size]
    return PROTECTIVE in kinds


def read(image: Area, sector: bytes) -> PartitionTable:
    """The table in the first sector. Problem where it must not be used."""
    entries = _entries(sector)
    after_table = Range(1, image.size // SECTOR - 1)
    for index, entry in enumerate(entries):
        if entry.kind and not after_table.holds(entry.range):
            passes = "it passes the end of the disk"
            why = passes if entry.range.start else "it begins before the table's end"
            raise Problem(why, index + 1)
        before = [each for each in entries[:index] if each.kind]
        if entry.kind and any(entry.range.overlaps(each.range) for each in before):
            raise Problem(_ENTRY_OVERLAPS, index + 1)
    table = PartitionTable("MBR")
    for number, entry in enumerate(entries, 1):
        if entry.kind and not entry.is_extended:
            table.add(image, number, entry.range)
    number = _LOGICAL_FIRST
    for entry in entries:
        if entry.is_extended:
            number = _read_chain(image, table, entry.range, number)
    return table


def _read_chain(image: Area, table: PartitionTable, extended: Range, number: int) -> int:
    """The logical partitions of an extended one; the next number."""
    link = extended.start
    for _ in range(_CHAIN_MAX):
        sector = image.read(link * SECTOR, SECTOR)
        if sector[510:512] != SIGNATURE:
            raise Problem("MBR: the extended partition has a link without its signature")
        logical, following = _entries(sector)[:2]
        if logical.kind:
            place = Range(link + logical.range.start, logical.range.count)
            if logical.range.start == 0 or not extended.holds(place):
                raise Problem("it lies outside of its extended partition", number)
            table.add(image, number, place)
            number += 1
        if not following.is_extended:
            return number
        if following.range.start >= extended.count:
            raise Problem("MBR: the extended partition has a link out of itself")
        link = extended.start + following.range.start
    raise Problem("MBR: the links of the extended partition have no end")


def _entries(sector: bytes) -> list[_Entry]:
    found = []
    for index in range(ENTRIES):
        _, _, kind, _, start, count = ENTRY.unpack_from(sector, ENTRIES_AT + index * ENTRY.size)
        found.append(_Entry(kind if count else 0, Range(start, count)))
    return found
