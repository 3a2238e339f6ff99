# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Writes and reads a ROMFS, MicroPython's read-only filesystem, with kernel/romfs.h's checksum.

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
_ABOUT_MARK = b"about "
_PADDING = 1
_DATA_VERBATIM = 2
_DATA_POINTER = 3
_DIRECTORY = 4
_FILE = 5


def make_romfs(files: Mapping[str, bytes], about: bytes = b"") -> bytes:
    """An image of the files, by relative path, parts joined by `/`.

    `about`: something for `read_about`; a guest does not see it.
    """
    records = _records(files)
    if about:
        records = _record(_PADDING, _ABOUT_MARK + about) + records
    checksum = CHECKSUM_MARK + google_crc32c.value(records).to_bytes(4, "little")
    return _finished(_record(_PADDING, checksum) + records)


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
            parts.append(_record(_DIRECTORY, _name(name) + _records(below[name])))
        else:
            data = _record(_DATA_VERBATIM, here[name])
            parts.append(_record(_FILE, _name(name) + data))
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


def _whole(image: bytes) -> bytes:
    """Its records."""
    if image[: len(MAGIC)] != MAGIC:
        raise ValueError("it does not begin as a ROMFS")
    length, start = _number_at(image, len(MAGIC), len(image))
    if length > len(image) - start:
        raise ValueError("it is cut short")
    return image[start : start + length]


def read_about(image: bytes) -> bytes:
    """What `make_romfs` was given beside the files; b"" if it was nothing."""
    whole = _whole(image)
    at = 0
    while at < len(whole):
        kind, at = _number_at(whole, at, len(whole))
        length, at = _number_at(whole, at, len(whole))
        if kind == _PADDING and whole[at:].startswith(_ABOUT_MARK):
            return whole[at + len(_ABOUT_MARK) : at + length]
        at += length
    return b""


def read_romfs(image: bytes) -> dict[str, bytes]:
    """The files of an image, by path; ValueError if it is not whole."""
    whole = _whole(image)
    files: dict[str, bytes] = {}
    _read_records(whole, 0, len(whole), "", files)
    if whole[2 : 2 + len(CHECKSUM_MARK)] == CHECKSUM_MARK:
        end = 2 + len(CHECKSUM_MARK) + 4
        if whole[end - 4 : end] != google_crc32c.value(whole[end:]).to_bytes(4, "little"):
            raise ValueError("its checksum is wrong")
    return files


def _read_records(whole: bytes, at: int, end: int, path: str, files: dict[str, bytes]) -> None:
    if path.count("/") > DEPTH_MAX:
        raise ValueError("its directories are nested too deep")
    while at < end:
        kind, at = _number_at(whole, at, end)
        length, at = _number_at(whole, at, end)
        after = at + length
        if after > end:
            raise ValueError("a record in it passes the end of what it lies in")
        if kind in (_DIRECTORY, _FILE):
            size, at = _number_at(whole, at, after)
            name = path + whole[at : at + size].decode(errors="replace")
            if kind == _DIRECTORY:
                _read_records(whole, at + size, after, name + "/", files)
            else:
                files[name] = _file_data(whole, at + size, after)
        at = after


def _file_data(whole: bytes, at: int, end: int) -> bytes:
    while at < end:
        kind, at = _number_at(whole, at, end)
        length, at = _number_at(whole, at, end)
        if kind == _DATA_VERBATIM and at + length <= end:
            return whole[at : at + length]
        if kind == _DATA_POINTER:
            size, at = _number_at(whole, at, end)
            offset, at = _number_at(whole, at, end)
            if offset + size <= len(whole):
                return whole[offset : offset + size]
            break
        at += length
    raise ValueError("a file in it has no content")


def _number_at(data: bytes, at: int, end: int) -> tuple[int, int]:
    """The number there, and where it ends."""
    value = 0
    while at < end:
        byte = data[at]
        at += 1
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            return value, at
    raise ValueError("it is cut short")
