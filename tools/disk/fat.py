# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""FAT12, FAT16 and FAT32 in an image: read and written here, made and checked by dosfstools.

Why not by a library: pyfatfs needs `fs`, which does not import since setuptools 82 and is not kept
up; FATtools is under the GPL and thinks in code page 1252; fatfs-ng knows names of code page 437
only and no labels. Debian's mtools takes 22 s for 1,000 files whose names begin alike (it tries
short names one by one, for each), asks or renames where FAT does not take a name, and stops in the
middle of a tree when the disk is full.

The content of new files goes into clusters that are free, so it changes nothing. `commit` writes
the table, then the directories, then the table without what they no longer name: whatever ends it
in between, the worst is lost clusters.
"""

import time
from collections.abc import Iterator
from typing import BinaryIO

from ..errors import UserError
from . import fat_names
from .fat_directory import Directory, FatEntry
from .fat_layout import Geometry, Table
from .filesystem import Broken, Entry, Filesystem, joined, sorted_entries, split
from .image import Area

FILE_SIZE_MAX = 2**32 - 1
_PIECE = 1 << 20


class Fat(Filesystem):
    """See filesystem.py."""

    def __init__(self, area: Area, geometry: Geometry) -> None:
        self._area, self._geometry = area, geometry
        self._table = Table(area, geometry)
        self._directories: dict[int, Directory] = {}
        self._ways: dict[int, tuple[int, int]] = {}
        """Of each directory but the root: where its entry is."""
        self._replaced: list[list[int]] = []
        self.kind = f"FAT{geometry.bits}"
        self.unit = geometry.cluster
        label = self._directory(geometry.root_cluster).label or geometry.label
        self.label = "" if label == "NO NAME" else label

    @property
    def free(self) -> int:
        return self._table.free * self.unit

    def _directory(self, cluster: int) -> Directory:
        if cluster not in self._directories:
            found = Directory(self._area, self._geometry, self._table, cluster)
            self._directories[cluster] = found
        return self._directories[cluster]

    def _below(self, parent: Directory, entry: FatEntry) -> Directory:
        """A directory in a directory. Broken where it is in two: there may be a circle."""
        way = (parent.cluster, entry.at)
        if entry.cluster in (0, self._geometry.root_cluster) or (
            self._ways.setdefault(entry.cluster, way) != way
        ):
            raise Broken(f"The directory {entry.name!r} is not where it says.")
        return self._directory(entry.cluster)

    def _resolve(self, path: str) -> Directory | None:
        """The directory at a path; None if there is none."""
        directory = self._directory(self._geometry.root_cluster)
        for name in path.split("/"):
            if name:
                entry = directory.entries.get(fat_names.folded(name))
                if entry is None or not entry.is_directory:
                    return None
                directory = self._below(directory, entry)
        return directory

    def _entry(self, path: str) -> FatEntry | None:
        parent, name = split(path)
        directory = self._resolve(parent)
        return directory.entries.get(fat_names.folded(name)) if directory else None

    def find(self, path: str) -> Entry | None:
        if path == "/":
            return Entry("/", True, 0)
        entry = self._entry(path)
        if entry is None:
            return None
        return _as_entry(split(path)[0], entry)

    def entries(self, directory: str) -> list[Entry]:
        found = self._resolve(directory)
        if found is None:
            raise UserError(f"{directory} is no directory of the image.")
        each = [_as_entry(directory, entry) for entry in found.entries.values()]
        return sorted_entries(directory, each)

    def read(self, path: str) -> Iterator[bytes]:
        entry = self._entry(path)
        assert entry is not None and not entry.is_directory
        left = entry.size
        clusters = self._table.chain(entry.cluster) if left else []
        if len(clusters) * self.unit < left:
            raise Broken(f"{path} has fewer clusters than its {left:,} bytes need.")
        for at, length in self._runs(clusters):
            while left and length:
                piece = self._area.read(at, min(length, left, _PIECE))
                if not piece:
                    raise Broken(f"{path} ends before its end.")
                yield piece
                at += len(piece)
                length -= len(piece)
                left -= len(piece)

    def _runs(self, clusters: list[int]) -> Iterator[tuple[int, int]]:
        """Offset and length of clusters that follow one another."""
        begin = 0
        for index in range(1, len(clusters) + 1):
            if index == len(clusters) or clusters[index] != clusters[index - 1] + 1:
                yield self._geometry.cluster_at(clusters[begin]), (index - begin) * self.unit
                begin = index

    def modified(self, path: str) -> float | None:
        entry = self._entry(path)
        return entry.modified if entry else None

    def check_name(self, name: str) -> None:
        fat_names.check(name)

    def same_name(self, name: str) -> str:
        return fat_names.folded(name)

    def check_size(self, path: str, size: int) -> None:
        if size > FILE_SIZE_MAX:
            raise UserError(f"{path} is too large: FAT takes files up to 4 GiB less 1 byte.")

    def make_directory(self, path: str) -> None:
        parent, name = split(path)
        above = self._resolve(parent)
        assert above is not None
        cluster = self._table.take(1)[0]
        now = time.time()
        directory = Directory(self._area, self._geometry, self._table, cluster)
        directory.clear()
        # FAT32's root, too, is called 0 there.
        is_root = above.cluster == self._geometry.root_cluster
        directory.make_empty(0 if is_root else above.cluster, now)
        self._directories[cluster] = directory
        above.add(name, True, cluster, 0, now)

    def write(self, path: str, source: BinaryIO, size: int, modified: float) -> None:
        clusters = self._table.take(-(-size // self.unit))
        left = size
        for at, length in self._runs(clusters):
            while left and length:
                piece = source.read(min(length, left, _PIECE))
                if not piece:
                    raise UserError(f"{path}: the file became shorter while it was read.")
                self._area.write(at, piece)
                at += len(piece)
                length -= len(piece)
                left -= len(piece)
        parent, name = split(path)
        directory = self._resolve(parent)
        assert directory is not None
        first = clusters[0] if clusters else 0
        entry = directory.entries.get(fat_names.folded(name))
        if entry is None:
            directory.add(name, False, first, size, modified)
            return
        if entry.cluster:
            self._replaced.append(self._table.chain(entry.cluster))
        directory.replace(entry, first, size, modified)

    def commit(self) -> None:
        self._area.sync()
        self._table.write()
        self._area.sync()
        # A new directory before the one that names it.
        for directory in reversed(self._directories.values()):
            directory.write()
        self._area.sync()
        for clusters in self._replaced:
            self._table.give_back(clusters)
        self._replaced.clear()
        self._table.write()
        self._area.sync()


def _as_entry(directory: str, entry: FatEntry) -> Entry:
    size = 0 if entry.is_directory else entry.size
    return Entry(joined(directory, entry.name), entry.is_directory, size)
