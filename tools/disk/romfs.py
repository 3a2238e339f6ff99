# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""ROMFS in an image: listed, read and checked. Nothing is written: it has no room to."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ..errors import UserError
from ..romfs import MAGIC
from ..romfs_reader import HEAD_SIZE, read_entries, size_of
from .filesystem import Broken, Entry, Filesystem, sorted_entries, split
from .image import Area

_SIZE_MAX = 1 << 30
"""All of it is held in memory, by the guest too."""


@dataclass(frozen=True)
class RomImage:
    """Where one lies."""

    size: int | None
    """In bytes; None: what says so is cut short."""


def find_image(area: Area) -> RomImage | None:
    head = area.read(0, HEAD_SIZE)
    if not head.startswith(MAGIC):
        return None
    try:
        return RomImage(size_of(head))
    except ValueError:
        return RomImage(None)


class RomFilesystem(Filesystem):
    """See filesystem.py."""

    kind = "ROMFS"
    label = ""
    unit = 0
    free = 0

    def __init__(self, area: Area, image: RomImage) -> None:
        if image.size is None or image.size > area.size:
            raise _broken("it is cut short")
        if image.size > _SIZE_MAX:
            raise UserError(f"A ROMFS of {image.size:,} bytes is more than this task reads.")
        try:
            self._entries = read_entries(area.read(0, image.size))
        except ValueError as error:
            raise _broken(str(error)) from None
        self._below: dict[str, list[str]] = {}
        for path in self._entries:
            self._below.setdefault(split(f"/{path}")[0], []).append(f"/{path}")

    def find(self, path: str) -> Entry | None:
        inside = path[1:]
        if path != "/" and inside not in self._entries:
            return None
        content = self._entries.get(inside)
        return Entry(path, content is None, 0 if content is None else len(content))

    def entries(self, directory: str) -> list[Entry]:
        here = [self.find(path) for path in self._below.get(directory, [])]
        return sorted_entries(directory, [entry for entry in here if entry is not None])

    def read(self, path: str) -> Iterator[bytes]:
        yield bytes(self._entries[path[1:]] or b"")

    def modified(self, path: str) -> float | None:
        return None

    def same_name(self, name: str) -> str:
        return name

    def check_name(self, name: str) -> None:
        raise _only_read()

    def check_size(self, path: str, size: int) -> None:
        raise _only_read()

    def make_directory(self, path: str) -> None:
        raise _only_read()

    def write(self, path: str, source: BinaryIO, size: int, modified: float) -> None:
        raise _only_read()

    def commit(self) -> None:
        raise _only_read()


def _broken(why: str) -> Broken:
    return Broken(f"The ROMFS is damaged: {why}.")


def _only_read() -> UserError:
    return UserError("A ROMFS is only read.", "Make another one: ./inv flash APP --out APP.romfs")
