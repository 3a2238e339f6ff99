# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What the filesystems of images have in common: entries by path, and a change that is all or none.

Paths are absolute and normalised: `/`, `/a`, `/a/b`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO

from ..errors import UserError, WorkFailed

DEPTH_MAX = 64
"""Directories in directories. Broken images may have circles."""
ENTRIES_MAX = 10_000_000


class Broken(WorkFailed):
    """The filesystem is damaged."""


class DiskFull(WorkFailed):
    """There is no room for a change."""


@dataclass(frozen=True)
class Entry:
    """A file or a directory."""

    path: str
    is_directory: bool
    size: int

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


class Filesystem(ABC):
    """One that lies in an image. What is written counts with `commit`, and before it not at all."""

    kind: str
    """FAT12, FAT16, FAT32, littlefs, ROMFS."""
    label: str
    unit: int
    """Bytes of a cluster or block; 0: it has neither."""

    @property
    @abstractmethod
    def free(self) -> int:
        """Bytes in clusters or blocks that nothing uses."""

    @abstractmethod
    def find(self, path: str) -> Entry | None:
        """What is at the path. The root is a directory; its path here is `/`."""

    @abstractmethod
    def entries(self, directory: str) -> list[Entry]:
        """What a directory holds, sorted by name. Broken where names repeat or cannot be."""

    @abstractmethod
    def read(self, path: str) -> Iterator[bytes]:
        """A file's content in pieces."""

    @abstractmethod
    def modified(self, path: str) -> float | None:
        """When a file was written, in seconds since 1970, where the filesystem knows."""

    @abstractmethod
    def check_name(self, name: str) -> None:
        """UserError where a file may not be called that."""

    @abstractmethod
    def same_name(self, name: str) -> str:
        """Names that are one to the filesystem give one answer."""

    @abstractmethod
    def check_size(self, path: str, size: int) -> None:
        """UserError where no file may be that large."""

    @abstractmethod
    def make_directory(self, path: str) -> None:
        """Its parent exists, and it does not. DiskFull."""

    @abstractmethod
    def write(self, path: str, source: BinaryIO, size: int, modified: float) -> None:
        """Make a file, or replace one, with `size` bytes of the source. DiskFull."""

    @abstractmethod
    def commit(self) -> None:
        """Put everything that was written in force."""

    def walk(self, directory: str = "/") -> Iterator[Entry]:
        """All below a directory; each directory before what it holds."""
        for count, entry in enumerate(self._walk(directory)):
            if count == ENTRIES_MAX:
                raise Broken(f"There are more than {ENTRIES_MAX:,} files.")
            yield entry

    def _walk(self, directory: str) -> Iterator[Entry]:
        if directory.count("/") > DEPTH_MAX:
            raise Broken(f"{directory} lies in more than {DEPTH_MAX} directories.")
        for entry in self.entries(directory):
            yield entry
            if entry.is_directory:
                yield from self._walk(entry.path)


def normalised(path: str) -> str:
    """A path of an image as its user writes it: `:` before it, as mpremote has it, may be."""
    parts = PurePosixPath("/" + path.removeprefix(":")).parts[1:]
    if ".." in parts:
        raise UserError(f"{path}: `..` cannot be in the path of an image.")
    if len(parts) > DEPTH_MAX:
        raise UserError(f"{path} lies in more than {DEPTH_MAX} directories.")
    return "/" + "/".join(parts)


def joined(directory: str, name: str) -> str:
    return f"{directory.rstrip('/')}/{name}"


def split(path: str) -> tuple[str, str]:
    """Directory and name."""
    directory, _, name = path.rpartition("/")
    return directory or "/", name


def sorted_entries(directory: str, entries: list[Entry]) -> list[Entry]:
    """By name. Broken where one cannot be a name, or is there twice: nobody could say which."""
    names: set[str] = set()
    for entry in entries:
        name = entry.path[len(directory.rstrip("/")) + 1 :]
        if name in ("", ".", "..") or "/" in name or "\0" in name:
            raise Broken(f"{directory} holds an entry with the name {name!r}.")
        if name in names:
            raise Broken(f"{directory} holds two entries with the name {name!r}.")
        names.add(name)
    return sorted(entries, key=lambda entry: entry.path)
