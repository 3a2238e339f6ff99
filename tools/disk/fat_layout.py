# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""FAT's boot sector and its table of clusters: Microsoft's fatgen103, sections 3, 4.

Everything is checked when it is read: what a damaged or a made-up image says leads nowhere.
"""

import struct
from array import array
from dataclasses import dataclass

from .filesystem import Broken, DiskFull
from .image import Area

_BOOT = struct.Struct("<3s8sHBHBHHBHHHII")
_BOOT_32 = struct.Struct("<IHHIHH12s")
_LABEL_AT = {12: 43, 16: 43, 32: 71}
_FSINFO = struct.Struct("<II")
_FSINFO_AT = 488
END = 0x0FFFFFFF
_BAD = {12: 0xFF7, 16: 0xFFF7, 32: 0x0FFFFFF7}
"""A cluster not to be used; what is greater ends a chain."""


@dataclass(frozen=True)
class Geometry:
    """Where things are. Offsets and sizes in bytes, from the begin of the filesystem."""

    bits: int
    cluster: int
    clusters: int
    """How many there are. They are numbered from 2."""
    table_at: int
    table_size: int
    tables: int
    only_table: int | None
    """The one that counts, where the others are no copies of it."""
    root_at: int
    root_size: int
    """The fixed root directory of FAT12 and FAT16."""
    root_cluster: int
    """That of FAT32, else 0."""
    data_at: int
    fsinfo_at: int
    label: str

    def cluster_at(self, number: int) -> int:
        return self.data_at + (number - 2) * self.cluster


def read_geometry(area: Area) -> Geometry | None:
    """None where there is no FAT."""
    boot = area.read(0, 512)
    if len(boot) < 512 or boot[510:] != b"\x55\xaa" or boot[0] not in (0xEB, 0xE9):
        return None
    (_, _, sector, per_cluster, reserved, tables, roots, small, media, size_16, *_, large) = (
        _BOOT.unpack_from(boot)
    )
    size_32, flags, version, root_cluster, fsinfo, _, _ = _BOOT_32.unpack_from(boot, _BOOT.size)
    sectors, table = small or large, size_16 or size_32
    powers = sector in (512, 1024, 2048, 4096) and per_cluster in (1, 2, 4, 8, 16, 32, 64, 128)
    if not powers or not reserved or tables not in (1, 2) or media not in (0xF0, *range(0xF8, 256)):
        return None
    root = roots * 32
    data = (reserved + tables * table) * sector + -(-root // sector) * sector
    if sectors * sector > area.size or data >= sectors * sector or not table:
        return None
    clusters = (sectors * sector - data) // (per_cluster * sector)
    bits = 12 if clusters < 4085 else 16 if clusters < 65525 else 32
    if clusters == 0 or (clusters + 2) * bits > table * sector * 8 or (bits == 32) != (roots == 0):
        return None
    if bits == 32 and (version or not 2 <= root_cluster < clusters + 2):
        return None
    only = flags & 0xF if bits == 32 and flags & 0x80 else None
    if only is not None and only >= tables:
        return None
    has_fsinfo = bits == 32 and 0 < fsinfo < reserved
    label_at = _LABEL_AT[bits]
    label = boot[label_at : label_at + 11] if boot[label_at - 5] == 0x29 else b""
    return Geometry(
        bits=bits,
        cluster=per_cluster * sector,
        clusters=clusters,
        table_at=reserved * sector,
        table_size=table * sector,
        tables=tables,
        only_table=only,
        root_at=(reserved + tables * table) * sector,
        root_size=root,
        root_cluster=root_cluster if bits == 32 else 0,
        data_at=data,
        fsinfo_at=fsinfo * sector if has_fsinfo else 0,
        label=label.decode("cp437").rstrip(),
    )


class Table:
    """The table of clusters, in memory until `write`."""

    def __init__(self, area: Area, geometry: Geometry) -> None:
        self._area, self._geometry = area, geometry
        at = geometry.table_at + (geometry.only_table or 0) * geometry.table_size
        self._raw = bytearray(area.read(at, geometry.table_size))
        self._written = bytes(self._raw)
        self._end = geometry.clusters + 2
        self._next = 2

    def _get(self, number: int) -> int:
        raw, bits = self._raw, self._geometry.bits
        if bits == 12:
            pair = int.from_bytes(raw[number * 3 // 2 : number * 3 // 2 + 2], "little")
            return pair >> 4 if number & 1 else pair & 0xFFF
        width = bits // 8
        return int.from_bytes(raw[number * width : (number + 1) * width], "little") & END

    def _set(self, number: int, value: int) -> None:
        raw, bits = self._raw, self._geometry.bits
        value &= (1 << bits) - 1
        if bits == 12:
            at = number * 3 // 2
            pair = int.from_bytes(raw[at : at + 2], "little")
            pair = pair & 0x000F | value << 4 if number & 1 else pair & 0xF000 | value
            raw[at : at + 2] = pair.to_bytes(2, "little")
            return
        width = bits // 8
        if bits == 32:  # The upper four bits are not ours.
            value |= raw[number * 4 + 3] >> 4 << 28
        raw[number * width : (number + 1) * width] = value.to_bytes(width, "little")

    def chain(self, first: int) -> list[int]:
        """The clusters from this one to the end. Broken where they lead astray."""
        found: list[int] = []
        number = first
        while number <= _BAD[self._geometry.bits]:
            if not 2 <= number < self._end or len(found) >= self._geometry.clusters:
                raise Broken(f"The chain of clusters from {first} leads to {number}.")
            found.append(number)
            number = self._get(number)
        return found

    @property
    def free(self) -> int:
        """How many clusters are free. (FSInfo only says how many somebody took for free.)"""
        bits = self._geometry.bits
        if bits == 12:
            return sum(self._get(number) == 0 for number in range(2, self._end))
        items = array("H" if bits == 16 else "I", self._raw[: self._end * bits // 8])
        return items[2:].count(0)

    def take(self, count: int, after: int = 0) -> list[int]:
        """A chain of free clusters, which goes on from the cluster `after`. DiskFull."""
        taken: list[int] = []
        if count == 0:
            return taken
        for _ in range(2, self._end):
            if len(taken) == count:
                break
            number, self._next = self._next, self._next + 1
            if self._next == self._end:
                self._next = 2
            if self._get(number) == 0:
                taken.append(number)
        if len(taken) < count:
            raise DiskFull("The disk is full.")
        for number, following in zip(taken, [*taken[1:], END], strict=True):
            self._set(number, following)
        if after:
            self._set(after, taken[0])
        return taken

    def give_back(self, clusters: list[int]) -> None:
        for number in clusters:
            self._set(number, 0)

    def write(self) -> None:
        """To all copies, as far as it has changed; and the count of FSInfo."""
        geometry, step = self._geometry, 4096
        copies = range(geometry.tables) if geometry.only_table is None else [geometry.only_table]
        for at in range(0, len(self._raw), step):
            part = self._raw[at : at + step]
            if part != self._written[at : at + step]:
                for copy in copies:
                    self._area.write(geometry.table_at + copy * geometry.table_size + at, part)
        self._written = bytes(self._raw)
        info = self._area.read(geometry.fsinfo_at, 512) if geometry.fsinfo_at else b""
        if info[:4] == b"RRaA" and info[484:488] == b"rrAa":
            self._area.write(geometry.fsinfo_at + _FSINFO_AT, _FSINFO.pack(self.free, self._next))
