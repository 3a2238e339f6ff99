# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""A disk image as a file: opened, locked against a running VM, and read and written in bounds."""

import contextlib
import errno
import fcntl
import os
import re
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError

SECTOR = 512
"""What partition tables and FAT count in, and virtio-blk."""
SIZE_MAX = 2**63 - 1
_UNITS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}

_FLOCK = struct.Struct("hhqqi4x")
"""struct flock on 64-bit Linux: type, whence, start, length, process."""
_QEMU_WRITES = 101
"""The byte that QEMU locks, for reading, in an image that it writes (block/file-posix.c there)."""


def parse_size(option: str, text: str) -> int:
    """`64M`, with K, M, G or T, as bytes: a multiple of a sector. UserError if it is none."""
    found = re.fullmatch(r"(\d{1,18})([KMGT]?)", text, re.ASCII | re.IGNORECASE)
    size = int(found[1]) << _UNITS[found[2].upper()] if found else 0
    if not 0 < size <= SIZE_MAX or size % SECTOR:
        raise UserError(
            f"--{option} {text!r} is not right.",
            f"Give bytes, or a number with K, M, G or T: a multiple of {SECTOR} bytes.",
        )
    return size


@dataclass(frozen=True)
class Area:
    """A stretch of an image: all of it, or a partition. Nothing outside is read or written."""

    descriptor: int
    start: int
    size: int

    def part(self, start: int, size: int) -> "Area":
        """A stretch of this one. The caller has checked that it lies inside."""
        assert start >= 0 and size >= 0 and start + size <= self.size
        return Area(self.descriptor, self.start + start, size)

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes; fewer at the end of the area or of the file."""
        length = max(0, min(length, self.size - offset))
        parts = []
        while length > 0:
            part = os.pread(self.descriptor, length, self.start + offset)
            if not part:
                break
            parts.append(part)
            offset += len(part)
            length -= len(part)
        return b"".join(parts)

    def write(self, offset: int, content: bytes | bytearray | memoryview) -> None:
        assert offset >= 0 and offset + len(content) <= self.size
        view = memoryview(content)
        while view:
            written = os.pwrite(self.descriptor, view, self.start + offset)
            view = view[written:]
            offset += written

    def sync(self) -> None:
        os.fsync(self.descriptor)


@contextlib.contextmanager
def open_image(path: Path, *, write: bool) -> Iterator[Area]:
    """All of the image, locked until the end. UserError where it cannot be, or a VM has it."""
    try:
        descriptor = os.open(path, (os.O_RDWR if write else os.O_RDONLY) | os.O_CLOEXEC)
    except FileNotFoundError:
        raise UserError(
            f"{path} does not exist.", f"Make one: ./inv disk create {path} --size 64M"
        ) from None
    except OSError as error:
        raise UserError(f"{path} cannot be opened: {error.strerror}.") from None
    try:
        mode = os.fstat(descriptor).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
            raise UserError(f"{path} is no disk image: neither a file nor a block device.")
        _lock(descriptor, path, write)
        yield Area(descriptor, 0, os.lseek(descriptor, 0, os.SEEK_END))
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path, write: bool) -> None:
    """Take the kind of lock that VMMs take (of the open file), on all bytes."""
    kind = fcntl.F_WRLCK if write else fcntl.F_RDLCK
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _FLOCK.pack(kind, os.SEEK_SET, 0, 0, 0))
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            return  # A filesystem or device without locks: no VMM could have one there either.
        raise _in_use(path) from None
    if not write and _qemu_writes(descriptor):
        raise _in_use(path)


def _qemu_writes(descriptor: int) -> bool:
    """Whether QEMU has the image for writing, which it says by a lock for reading."""
    wanted = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, _QEMU_WRITES, 1, 0)
    kind, _, start, _, _ = _FLOCK.unpack(fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, wanted))
    # One from byte 0 is of somebody who only reads.
    return bool(kind != fcntl.F_UNLCK and start > 0)


def _in_use(path: Path) -> UserError:
    return UserError(f"{path} is locked: a virtual machine, or another task, uses it.", "End that.")
