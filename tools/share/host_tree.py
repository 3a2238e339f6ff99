# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""A directory of the host, and what is in it; no link is followed, and so nothing else is reached.

Paths are those of the guest's filesystem: `/a/b` is `a/b` below the directory.
"""

import contextlib
import hashlib
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from ..disk.filesystem import DEPTH_MAX, joined, split
from ..errors import UserError

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A pipe is not waited for.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_PIECE = 1 << 20

State = bytes | None
"""The digest of a file's content, DIRECTORY, OTHER, or None: there is nothing."""
DIRECTORY = b"directory"
OTHER = b"other"
"""Neither a file nor a directory, or the way there leads over such a thing."""


class Changed(Exception):
    """What is there is not what it was."""


@dataclass(frozen=True)
class Found:
    """A file or a directory of the host."""

    path: str
    is_directory: bool
    size: int


class Digest:
    """Of content that comes in pieces."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=32)

    def add(self, piece: bytes) -> bytes:
        self._hash.update(piece)
        return piece

    @property
    def value(self) -> bytes:
        return self._hash.digest()


class HostTree:
    """Use it as a context manager."""

    def __init__(self, directory: Path) -> None:
        self._root = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self.left_out: list[str] = []
        """Links, devices and the like that `walk` has met."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._root)

    def walk(self) -> Iterator[Found]:
        """All of it, each directory before what it holds. OSError."""
        self.left_out.clear()
        yield from self._walk("/")

    def _walk(self, directory: str) -> Iterator[Found]:
        if directory.count("/") > DEPTH_MAX:
            raise UserError(f"{directory} lies in more than {DEPTH_MAX} directories.")
        with self._directory(directory) as opened:
            names = sorted(os.listdir(opened))  # noqa: PTH208
            found = [(name, os.stat(name, dir_fd=opened, follow_symlinks=False)) for name in names]
        for name, about in found:
            path = joined(directory, name)
            if stat.S_ISDIR(about.st_mode):
                yield Found(path, True, 0)
                yield from self._walk(path)
            elif stat.S_ISREG(about.st_mode):
                yield Found(path, False, about.st_size)
            else:
                self.left_out.append(path)

    @contextlib.contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        """A file, to be read. OSError, also where it is none."""
        with self._parent(path) as (parent, name):
            descriptor = os.open(name, _FILE, dir_fd=parent)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(0, "it is no file")
            yield file

    def state(self, path: str) -> State:
        """What is there now. OSError where that cannot be read."""
        try:
            with self._parent(path) as (parent, name):
                mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode):
                return DIRECTORY
            if not stat.S_ISREG(mode):
                return OTHER
            digest = Digest()
            with self.open(path) as file:
                while digest.add(file.read(_PIECE)):
                    pass
            return digest.value
        except FileNotFoundError:
            return None
        except NotADirectoryError:
            return OTHER

    def write(self, path: str, pieces: Iterable[bytes], before: State) -> None:
        """Make a file, or replace it if it is still as before: whole, or not at all. Changed where
        it is not; OSError."""
        with self._parent(path) as (parent, name):
            new = f".{secrets.token_hex(8)}.new"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(new, flags, 0o666, dir_fd=parent), "wb") as file:
                try:
                    for piece in pieces:
                        file.write(piece)
                    file.flush()
                    if before is None:
                        _link(new, name, parent)
                    else:
                        self._require(path, before)
                        mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
                        os.fchmod(file.fileno(), stat.S_IMODE(mode))
                        os.replace(new, name, src_dir_fd=parent, dst_dir_fd=parent)
                finally:
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(new, dir_fd=parent)

    def make_directory(self, path: str) -> None:
        """Changed where something else is there; OSError."""
        state = self.state(path)
        if state is None:
            with self._parent(path) as (parent, name):
                os.mkdir(name, dir_fd=parent)
        elif state != DIRECTORY:
            raise Changed

    def remove(self, path: str, before: State) -> None:
        """A file that is as before, or a directory with nothing in it. Changed; OSError."""
        state = self.state(path)
        if state is None:
            return
        if state != before:
            raise Changed
        with self._parent(path) as (parent, name):
            if before == DIRECTORY:
                os.rmdir(name, dir_fd=parent)
            else:
                os.unlink(name, dir_fd=parent)

    def _require(self, path: str, before: State) -> None:
        if self.state(path) != before:
            raise Changed

    @contextlib.contextmanager
    def _parent(self, path: str) -> Iterator[tuple[int, str]]:
        """Of a path: its directory, open, and its name there."""
        directory, name = split(path)
        with self._directory(directory) as opened:
            yield opened, name

    @contextlib.contextmanager
    def _directory(self, path: str) -> Iterator[int]:
        opened = os.dup(self._root)
        try:
            for name in path.split("/"):
                if name:
                    below = os.open(name, _DIRECTORY, dir_fd=opened)
                    os.close(opened)
                    opened = below
            yield opened
        finally:
            os.close(opened)


def _link(new: str, name: str, parent: int) -> None:
    """Give a file its name, which nothing may have."""
    try:
        os.link(new, name, src_dir_fd=parent, dst_dir_fd=parent, follow_symlinks=False)
    except FileExistsError:
        raise Changed from None
