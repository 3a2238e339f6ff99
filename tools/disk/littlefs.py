# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""littlefs v2 in an image, by littlefs-python, which holds upstream's own C.

What is written lies in a file of its own until `commit`: a change that does not fit leaves no
trace. Names are bytes to littlefs; they are UTF-8 to MicroPython.
"""

import contextlib
import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from littlefs import LittleFS, LittleFSError, UserContext
from littlefs.lfs import LFSConfig, LFSStat

from ..errors import UserError
from .filesystem import Broken, DiskFull, Entry, Filesystem, joined, sorted_entries
from .image import Area

BLOCK_SIZE_MIN = 128
BLOCK_SIZE_MAX = 1 << 20
BLOCKS_MAX = 2**31 - 1
_UNIT = 16
"""Bytes that are written at once, and that a block is a multiple of. The guest's are 32."""
_INLINE_MAX = 128
"""A file up to this lies in its directory; it is what the guest's buffers hold."""
_DIRECTORY_MAX = 8192
"""Of blocks that are a multiple of it, a directory fills so much. The guest has the same:
lfs2_directory.c."""
_LOOKAHEAD = 8192
"""Bytes for a map of free blocks, 65,536 at a time."""
_MTIME = 1
"""The attribute in which MicroPython keeps the time: nanoseconds since 1970, 8 bytes."""

MAGIC = b"littlefs"
MAGIC_AT = 8
_SUPERBLOCK = struct.Struct("<8sIIII")
"""Magic; tag of the inline struct; version, block size, block count. SPEC.md of littlefs."""
_PIECE = 1 << 20
_ENCODING = "latin-1"
"""What littlefs-python is told, so that any byte of a name comes through."""
_Errors = LittleFSError.Error


def block_size_for(size: int) -> int:
    """What suits a filesystem of so many bytes. The guest has the same: disk_format.c."""
    limits = ((16 << 20, 4096), (1 << 30, 16384), (4 << 30, 32768), (16 << 30, 65536))
    return next((block_size for limit, block_size in limits if size < limit), 131072)


@dataclass(frozen=True)
class Superblock:
    """What littlefs was made for."""

    block_size: int
    block_count: int

    @property
    def bytes(self) -> int:
        return self.block_size * self.block_count


def first_superblock(area: Area) -> Superblock | None:
    """That of block 0. None: there is none, or it is torn."""
    return _superblock_at(area, 0)


def second_superblock(area: Area) -> Superblock | None:
    """That of block 1, wherever this lies."""
    places = (1 << bits for bits in range(7, 21))
    return next(filter(None, (_superblock_at(area, place) for place in places)), None)


def find_superblock(area: Area) -> Superblock | None:
    return first_superblock(area) or second_superblock(area)


def _superblock_at(area: Area, at: int) -> Superblock | None:
    raw = area.read(at + MAGIC_AT, _SUPERBLOCK.size)
    if len(raw) < _SUPERBLOCK.size:
        return None
    magic, _, version, block_size, count = _SUPERBLOCK.unpack(raw)
    is_one = magic == MAGIC and version >> 16 == 2 and count > 0 and at in (0, block_size)
    if not is_one or not BLOCK_SIZE_MIN <= block_size <= BLOCK_SIZE_MAX:
        return None
    return Superblock(block_size, count)


class _Blocks(UserContext):
    """What littlefs reads and writes. The image, and over it the blocks that were written."""

    def __init__(self, area: Area) -> None:
        self._area = area
        self._written: set[int] = set()
        self._file = tempfile.TemporaryFile(prefix="disk-")  # noqa: SIM115
        self.touched: set[int] | None = None
        """Blocks that are read, while somebody wants to know."""
        self.error: BaseException | None = None
        """littlefs-python drops what is raised in here."""

    def close(self) -> None:
        self._file.close()

    def read(self, cfg: LFSConfig, block: int, off: int, size: int) -> bytes:  # type: ignore[override]
        content = b""
        try:
            if self.touched is not None:
                self.touched.add(block)
            if block in self._written:
                self._file.seek(block * cfg.block_size + off)
                content = self._file.read(size)
            else:
                content = self._area.read(block * cfg.block_size + off, size)
        except BaseException as error:
            self.error = self.error or error
        return content.ljust(size, b"\0")  # It copies as many bytes as it has asked for.

    def prog(self, cfg: LFSConfig, block: int, off: int, data: bytes) -> int:
        try:
            if block not in self._written:
                before = self._area.read(block * cfg.block_size, cfg.block_size)
                self._file.seek(block * cfg.block_size)
                self._file.write(before)
                self._written.add(block)
            self._file.seek(block * cfg.block_size + off)
            self._file.write(data)
        except BaseException as error:
            self.error = self.error or error
            return int(_Errors.LFS_ERR_IO)
        return 0

    def erase(self, cfg: LFSConfig, block: int) -> int:
        return 0  # A disk's block is written over.

    def sync(self, cfg: LFSConfig) -> int:
        return 0

    def commit(self, block_size: int) -> None:
        for block in sorted(self._written):
            self._file.seek(block * block_size)
            self._area.write(block * block_size, self._file.read(block_size))
        self._area.sync()
        self._written.clear()


def make(area: Area, block_size: int) -> None:
    """Make an empty filesystem in the area."""
    count = area.size // block_size
    if count > BLOCKS_MAX:
        raise UserError(
            f"littlefs has no more than {BLOCKS_MAX:,} blocks.", "Give a larger --block-size."
        )
    if count < 2:
        raise UserError(f"The image is too small for littlefs: {area.size:,} bytes.")
    blocks = _Blocks(area)
    with contextlib.closing(blocks), _translated(blocks, "making it"):
        _littlefs(blocks, block_size, count).format()
        blocks.commit(block_size)


def _littlefs(blocks: _Blocks, block_size: int, count: int) -> LittleFS:
    """Not mounted. `count` 0: as the superblock says."""
    directory_max = block_size if block_size % _DIRECTORY_MAX else _DIRECTORY_MAX
    return LittleFS(
        blocks,
        mount=False,
        filename_encoding=_ENCODING,
        block_size=block_size,
        block_count=count,
        read_size=directory_max,
        prog_size=_UNIT,
        cache_size=block_size,
        lookahead_size=_LOOKAHEAD,
        inline_max=min(_INLINE_MAX, block_size // 8),
        metadata_max=directory_max,
    )


@contextlib.contextmanager
def _translated(blocks: _Blocks, doing: str) -> Iterator[None]:
    """littlefs' errors as ours."""
    try:
        yield
    except LittleFSError as error:
        _raise_first(blocks)
        if error.code == _Errors.LFS_ERR_NOSPC:
            raise DiskFull("The disk is full.") from None
        if error.code == _Errors.LFS_ERR_NAMETOOLONG:
            raise UserError(f"{doing}: the name is too long for blocks of this size.") from None
        raise Broken(f"littlefs is damaged: {doing}: {error.name}.") from None
    except (FileNotFoundError, FileExistsError, IsADirectoryError):
        # Of something that it had listed, or not listed.
        raise Broken(f"littlefs is damaged: {doing} is not what its directory says.") from None
    _raise_first(blocks)


def _raise_first(blocks: _Blocks) -> None:
    if blocks.error is not None:
        raise blocks.error


class LittleFilesystem(Filesystem):
    """See filesystem.py."""

    kind = "littlefs"
    label = ""

    def __init__(self, area: Area, superblock: Superblock) -> None:
        block_size = superblock.block_size
        if block_size % _UNIT:
            raise Broken(f"littlefs is damaged: its blocks have {block_size} bytes.")
        if superblock.bytes > area.size:
            raise Broken(
                f"littlefs was made for {superblock.bytes:,} bytes, there are {area.size:,}.",
                "Is the image complete?",
            )
        self.unit = block_size
        self._blocks = _Blocks(area)
        self._fs = _littlefs(self._blocks, block_size, 0)
        with self._doing("the superblock"):
            self._fs.mount()
            self._about = self._fs.fs_stat()

    def _doing(self, what: str) -> contextlib.AbstractContextManager[None]:
        return _translated(self._blocks, what)

    @property
    def free(self) -> int:
        with self._doing("the blocks in use"):
            used = self._fs.used_block_count
        return max(0, self._about.block_count - used) * self.unit

    def find(self, path: str) -> Entry | None:
        if path == "/":
            return Entry("/", True, 0)
        with self._doing(path):
            try:
                return _as_entry(path, self._fs.stat(_inside(path)))
            except LittleFSError as error:
                if error.code not in (_Errors.LFS_ERR_NOENT, _Errors.LFS_ERR_NOTDIR):
                    raise
        return None

    def entries(self, directory: str) -> list[Entry]:
        with self._doing(directory):
            found = list(self._fs.scandir(_inside(directory)))
        each = [_as_entry(joined(directory, _outside(stat.name)), stat) for stat in found]
        return sorted_entries(directory, each)

    def modified(self, path: str) -> float | None:
        with self._doing(path):
            try:
                raw = self._fs.getattr(_inside(path), _MTIME)
            except LittleFSError as error:
                if error.code != _Errors.LFS_ERR_NOATTR:
                    raise
                return None
        return int.from_bytes(raw, "little") / 1e9 if len(raw) == 8 else None

    def read(self, path: str) -> Iterator[bytes]:
        with self._doing(path), self._fs.open(_inside(path), "rb", buffering=0) as file:
            while piece := file.read(_PIECE):
                _raise_first(self._blocks)
                yield piece

    def check_name(self, name: str) -> None:
        try:
            raw = name.encode()
        except UnicodeEncodeError:
            raise UserError(f"The name {name!r} is no UTF-8.", "Rename it.") from None
        if len(raw) > self._about.name_max:
            raise UserError(
                f"littlefs takes names of {self._about.name_max} bytes here: {name!r}.",
                "Rename it.",
            )

    def same_name(self, name: str) -> str:
        return name

    def check_size(self, path: str, size: int) -> None:
        if size > self._about.file_max:
            raise UserError(
                f"{path} is too large: littlefs takes files up to {self._about.file_max:,} bytes."
            )

    def make_directory(self, path: str) -> None:
        with self._doing(path):
            self._fs.mkdir(_inside(path))

    def write(self, path: str, source: BinaryIO, size: int, modified: float) -> None:
        left = size
        with self._doing(path):
            with self._fs.open(_inside(path), "wb", buffering=0) as file:
                while left:
                    piece = source.read(min(left, _PIECE))
                    if not piece:
                        raise UserError(f"{path}: the file became shorter while it was read.")
                    file.write(piece)
                    _raise_first(self._blocks)
                    left -= len(piece)
            time = max(0, int(modified * 1e9)).to_bytes(8, "little")
            self._fs.setattr(_inside(path), _MTIME, time)

    def commit(self) -> None:
        with self._doing("the end"):
            self._fs.unmount()
            self._blocks.commit(self.unit)
            self._fs.mount()

    def check(self) -> int:
        """Read all of it, and see that no block is used twice; the number of files.

        The content of files has no checksum: what changed in there stays unseen.
        """
        directories: set[int] = set()
        self._blocks.touched = directories
        files = [entry for entry in self.walk() if not entry.is_directory]
        owners: dict[int, str] = {}
        for entry in files:
            for block in self._blocks_of(entry):
                if block not in directories:
                    if owners.setdefault(block, entry.path) != entry.path:
                        what = f"of {owners[block]} and of {entry.path}"
                        raise Broken(f"littlefs is damaged: block {block} is part {what}.")
                elif entry.size > self._about.attr_max:  # A smaller one may lie in there.
                    what = f"of {entry.path} and of a directory"
                    raise Broken(f"littlefs is damaged: block {block} is part {what}.")
        return len(files)

    def _blocks_of(self, entry: Entry) -> set[int]:
        """Read a file; the blocks that were read for it."""
        touched: set[int] = set()
        size = 0
        with self._doing(entry.path), self._fs.open(_inside(entry.path), "rb", buffering=0) as file:
            self._blocks.touched = touched  # Only now: its way there lay through directories.
            while piece := file.read(_PIECE):
                size += len(piece)
            self._blocks.touched = None
        if size != entry.size:
            raise Broken(f"littlefs is damaged: {entry.path} has {size:,} bytes to read.")
        return touched


def _as_entry(path: str, stat: LFSStat) -> Entry:
    is_directory = stat.type == LFSStat.TYPE_DIR
    return Entry(path, is_directory, 0 if is_directory else stat.size)


def _inside(path: str) -> str:
    """A path as littlefs-python is given it: its bytes, each as a character."""
    return path.encode(errors="surrogateescape").decode(_ENCODING)


def _outside(name: str) -> str:
    return name.encode(_ENCODING).decode(errors="surrogateescape")
