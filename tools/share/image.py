# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The image of a directory of the host: made before the guest starts."""

import os
from pathlib import Path
from typing import BinaryIO, cast

from ..disk import littlefs
from ..disk.filesystem import Filesystem
from ..disk.image import open_image
from ..disk.littlefs import LittleFilesystem, find_superblock
from ..errors import UserError
from .host_tree import DIRECTORY, Digest, Found, HostTree, State

FILES_MAX = 10_000
BYTES_MAX = 256 << 20
"""It is copied at each start, 15 to 40 MB a second."""
_FREE = 256 << 20
"""What the guest may add; it takes no room before."""
BLOCK_SIZE = 4096
"""Small: what is shared are sources, most of them, and each takes a block at least."""
_ENTRY_MOST = 2 * BLOCK_SIZE
"""Bytes of the image that a file takes beside its content, or a directory."""


def look_over(tree: HostTree, directory: Path) -> list[Found]:
    """What there is to share. UserError where it is too much, or cannot be read."""
    found: list[Found] = []
    size = 0
    try:
        for each in tree.walk():
            found.append(each)
            size += each.size
            if len(found) > FILES_MAX or size > BYTES_MAX:
                raise UserError(
                    f"{directory} is too large to share: more than {FILES_MAX:,} files, or "
                    f"{BYTES_MAX >> 20} MiB.",
                    "Share a directory in it, or give the guest a disk: ./inv disk create.",
                )
    except OSError as error:
        raise _unreadable(directory, error) from None
    return found


def make(tree: HostTree, directory: Path, found: list[Found], image: Path) -> dict[str, State]:
    """Make the image; gives what is in it. UserError where a name cannot be there, for one."""
    content = sum(each.size for each in found)
    size = _FREE + content + content // 50 + (len(found) + 1) * _ENTRY_MOST
    with image.open("xb") as file:
        file.truncate(size // BLOCK_SIZE * BLOCK_SIZE)
    states: dict[str, State] = {}
    with open_image(image, write=True) as area:
        littlefs.make(area, BLOCK_SIZE)
        superblock = find_superblock(area)
        assert superblock is not None
        filesystem = LittleFilesystem(area, superblock)
        for each in found:
            states[each.path] = _put(filesystem, tree, directory, each)
        filesystem.commit()
    return states


def _put(filesystem: Filesystem, tree: HostTree, directory: Path, each: Found) -> State:
    filesystem.check_name(each.path.rpartition("/")[2])
    if each.is_directory:
        filesystem.make_directory(each.path)
        return DIRECTORY
    try:
        with tree.open(each.path) as file:
            source = _Source(file)
            modified = os.fstat(file.fileno()).st_mtime
            filesystem.write(each.path, cast(BinaryIO, source), each.size, modified)
            return source.digest.value
    except OSError as error:
        raise _unreadable(directory / each.path[1:], error) from None


class _Source:
    """A file that is read, and the digest of what was read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = Digest()

    def read(self, size: int) -> bytes:
        return self.digest.add(self._file.read(size))


def _unreadable(path: Path, error: OSError) -> UserError:
    return UserError(f"{path} cannot be shared: {error.strerror or error}.")
