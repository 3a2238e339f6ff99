# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""A directory of FAT: its entries, and room for more. Microsoft's specification, section 6."""

import struct
import time
from dataclasses import dataclass

from . import fat_names
from .fat_layout import Geometry, Table
from .filesystem import Broken, DiskFull
from .image import Area

ENTRY = 32
SIZE_MAX = 65536 * ENTRY
"""What FAT allows a directory."""
_FIELDS = struct.Struct("<11sBBBHHHHHHHI")
_LABEL = 0x08
_DIRECTORY = 0x10
_ARCHIVE = 0x20
_DELETED, _NEVER_USED = 0xE5, 0x00
_FIRST_YEAR, _LAST_YEAR = 1980, 2107


@dataclass
class FatEntry:
    """One file or directory; `at` is where its last entry lies in the directory."""

    name: str
    is_directory: bool
    cluster: int
    size: int
    modified: float | None
    at: int


class Directory:
    """Its bytes, in memory until `write`. `cluster` 0 is the fixed root directory."""

    def __init__(self, area: Area, geometry: Geometry, table: Table, cluster: int) -> None:
        self._area, self._geometry, self._table = area, geometry, table
        self.cluster = cluster
        self.label = ""
        self.entries: dict[str, FatEntry] = {}
        """By fat_names.folded."""
        self._clusters = table.chain(cluster) if cluster else []
        if len(self._clusters) * geometry.cluster > SIZE_MAX:
            raise Broken(f"The directory at cluster {cluster} is longer than FAT allows.")
        self._raw = bytearray(b"".join(area.read(at, size) for at, size in self._places()))
        self._short: set[bytes] = set()
        self._numbers: dict[str, int] = {}
        self._changed = False
        self._holes: list[tuple[int, int]] = []
        """Where deleted entries were: offset, and length in bytes."""
        self._parse()

    def _places(self) -> list[tuple[int, int]]:
        if not self.cluster:
            return [(self._geometry.root_at, self._geometry.root_size)]
        return [
            (self._geometry.cluster_at(each), self._geometry.cluster) for each in self._clusters
        ]

    def _parse(self) -> None:
        long: list[bytes] = []
        at = 0
        while at < len(self._raw) and self._raw[at] != _NEVER_USED:
            entry = bytes(self._raw[at : at + ENTRY])
            if entry[0] == _DELETED:
                self._add_hole(at)
                long = []
            elif fat_names.is_long(entry):
                long.append(entry)
            else:
                self._take(entry, long, at)
                long = []
            at += ENTRY
        self._end = at

    def _add_hole(self, at: int) -> None:
        if self._holes and sum(self._holes[-1]) == at:
            begin, length = self._holes[-1]
            self._holes[-1] = (begin, length + ENTRY)
        else:
            self._holes.append((at, ENTRY))

    def _take(self, entry: bytes, long: list[bytes], at: int) -> None:
        short, flags, *_, high, clock, date, low, size = _FIELDS.unpack(entry)
        if flags & _LABEL:
            self.label = self.label or short.decode("cp437").rstrip()
            return
        self._short.add(short)
        if short in (b".".ljust(11), b"..".ljust(11)):
            return
        name = fat_names.name_of(entry, long)
        folded = fat_names.folded(name)
        if folded in self.entries:
            raise Broken(f"A directory holds two entries with the name {name!r}.")
        cluster = low | (high << 16 if self._geometry.bits == 32 else 0)
        is_directory = bool(flags & _DIRECTORY)
        modified = _seconds(date, clock)
        self.entries[folded] = FatEntry(name, is_directory, cluster, size, modified, at)

    def add(self, name: str, is_directory: bool, cluster: int, size: int, modified: float) -> None:
        """A new entry. DiskFull."""
        short, is_whole = fat_names.short_name(name, self._numbers, self._short)
        raw = b"" if is_whole else fat_names.long_entries(name, short)
        raw += _packed(short, is_directory, cluster, size, modified)
        at = self._room(len(raw))
        self._raw[at : at + len(raw)] = raw
        self._changed = True
        entry = FatEntry(name, is_directory, cluster, size, modified, at + len(raw) - ENTRY)
        self.entries[fat_names.folded(name)] = entry

    def replace(self, entry: FatEntry, cluster: int, size: int, modified: float) -> None:
        """Another content of a file. Its name and what else its entry says stay."""
        fields = list(_FIELDS.unpack_from(self._raw, entry.at))
        date, clock = _date_and_time(modified)
        fields[1] |= _ARCHIVE
        fields[6:] = [date, cluster >> 16, clock, date, cluster & 0xFFFF, size]
        _FIELDS.pack_into(self._raw, entry.at, *fields)
        entry.cluster, entry.size, entry.modified = cluster, size, modified
        self._changed = True

    def make_empty(self, parent: int, modified: float) -> None:
        """What a new directory, of cleared clusters, begins with."""
        for name, cluster in ((b".", self.cluster), (b"..", parent)):
            self._raw[self._end : self._end + ENTRY] = _packed(
                name.ljust(11), True, cluster, 0, modified
            )
            self._end += ENTRY
            self._short.add(name.ljust(11))
        self._changed = True

    def clear(self) -> None:
        """Forget what lay in the clusters before."""
        self._raw[:] = bytes(len(self._raw))
        self.entries.clear()
        self._short.clear()
        self._holes.clear()
        self._end, self.label = 0, ""

    def _room(self, length: int) -> int:
        for index, (begin, size) in enumerate(self._holes):
            if size >= length:
                self._holes[index] = (begin + length, size - length)
                return begin
        while self._end + length > len(self._raw):
            self._grow()
        at = self._end
        self._end += length
        return at

    def _grow(self) -> None:
        if not self.cluster:
            raise DiskFull("The root directory is full: on FAT12 and FAT16 it cannot grow.")
        if len(self._raw) + self._geometry.cluster > SIZE_MAX:
            raise DiskFull("A directory is full: on FAT it has 65,536 entries.")
        self._clusters += self._table.take(1, self._clusters[-1])
        self._raw += bytes(self._geometry.cluster)

    def write(self) -> None:
        if not self._changed:
            return
        done = 0
        for at, size in self._places():
            self._area.write(at, self._raw[done : done + size])
            done += size
        self._changed = False


def _packed(short: bytes, is_directory: bool, cluster: int, size: int, modified: float) -> bytes:
    date, clock = _date_and_time(modified)
    flags = _DIRECTORY if is_directory else _ARCHIVE
    high, low = cluster >> 16, cluster & 0xFFFF
    return _FIELDS.pack(short, flags, 0, 0, clock, date, date, high, clock, date, low, size)


def _date_and_time(seconds: float) -> tuple[int, int]:
    """FAT's local time, in steps of two seconds."""
    try:
        when = time.localtime(seconds)
    except (ValueError, OverflowError, OSError):
        when = time.localtime(0)
    if not _FIRST_YEAR <= when.tm_year <= _LAST_YEAR:
        return 1 << 5 | 1, 0
    date = when.tm_year - _FIRST_YEAR << 9 | when.tm_mon << 5 | when.tm_mday
    return date, when.tm_hour << 11 | when.tm_min << 5 | min(when.tm_sec, 59) // 2


def _seconds(date: int, clock: int) -> float | None:
    year, month, day = _FIRST_YEAR + (date >> 9), date >> 5 & 15, date & 31
    hour, minute, second = clock >> 11, clock >> 5 & 63, (clock & 31) * 2
    if not (1 <= month <= 12 and day >= 1 and hour < 24 and minute < 60 and second < 60):
        return None
    return time.mktime((year, month, day, hour, minute, second, 0, 0, -1))
