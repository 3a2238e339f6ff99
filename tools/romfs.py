# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Writes a ROMFS, MicroPython's read-only filesystem, with kernel/romfs.h's checksum.

mpremote's writer knows no name beyond ASCII and no checksum; for what both can say, the bytes
are the same. The same files give the same bytes, in whatever order they are handed over.
"""

from collections.abc import Mapping

import google_crc32c

IMAGE_SUFFIX = ".romfs"
MAGIC = b"\xd2\xcd\x31"
CHECKSUM_MARK = b"CRC32C"

DEPTH_MAX = 32
"""Directories in directories: ROMFS_DEPTH_MAX of kernel/romfs.h."""
ABOUT_MARK = b"about "

# Kinds of records.
UNUSED = 0
PADDING = 1
DATA_VERBATIM = 2
DATA_POINTER = 3
DIRECTORY = 4
FILE = 5


def make_romfs(files: Mapping[str, bytes], about: bytes = b"") -> bytes:
    """An image of the files, by relative path, parts joined by `/`.

    `about`: something for `read_about`; a guest does not see it.
    """
    records = _records(files)
    if about:
        records = _record(PADDING, ABOUT_MARK + about) + records
    checksum = CHECKSUM_MARK + google_crc32c.value(records).to_bytes(4, "little")
    return _finished(_record(PADDING, checksum) + records)


def _records(files: Mapping[str, bytes]) -> bytes:
    """What a directory holds, sorted by name."""
    here: dict[str, bytes] = {}
    below: dict[str, dict[str, bytes]] = {}
    for path, content in files.items():
        name, slash, rest = path.partition("/")
        if slash:
            below.setdefault(name, {})[rest] = content
        else:
            here[name] = content
    parts = []
    for name in sorted(here.keys() | below.keys()):
        if name in below:
            parts.append(_record(DIRECTORY, _name(name) + _records(below[name])))
        else:
            data = _record(DATA_VERBATIM, here[name])
            parts.append(_record(FILE, _name(name) + data))
    return b"".join(parts)


def _finished(records: bytes) -> bytes:
    """The whole image, its length even: upstream's writer makes it so."""
    length = _number(len(records))
    if (len(MAGIC) + len(length) + len(records)) % 2:
        length = b"\x80" + length
    return MAGIC + length + records


def _record(kind: int, content: bytes) -> bytes:
    return _number(kind) + _number(len(content)) + content


def _name(name: str) -> bytes:
    encoded = name.encode()
    return _number(len(encoded)) + encoded


def _number(value: int) -> bytes:
    """In groups of 7 bits, the highest first."""
    encoded = [value & 0x7F]
    while value := value >> 7:
        encoded.insert(0, 0x80 | value & 0x7F)
    return bytes(encoded)
