# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Reads a ROMFS, by the guest's rules and in its words: kernel/romfs.c.

The same cases prove that both take the same for one: tests/host/test_romfs.py. What is wrong with
an image is a ValueError.
"""

import google_crc32c

from .romfs import (
    ABOUT_MARK,
    CHECKSUM_MARK,
    DATA_POINTER,
    DATA_VERBATIM,
    DEPTH_MAX,
    DIRECTORY,
    FILE,
    MAGIC,
    PADDING,
    UNUSED,
)

HEAD_SIZE = len(MAGIC) + 10
"""As much of an image as tells its size."""
_NUMBER_MAX = 1 << 64
_BEYOND = "a record in it passes the end of what it lies in"

Entries = dict[str, memoryview | None]


def read_romfs(image: bytes) -> dict[str, bytes]:
    """The files of an image, by path."""
    entries = read_entries(image)
    return {path: bytes(content) for path, content in entries.items() if content is not None}


def read_entries(image: bytes) -> Entries:
    """All of an image, by path: of a file its content, of a directory None. A name that is no UTF-8
    has surrogates."""
    whole = _open(image)
    if not _checksum_holds(whole):
        raise ValueError("its checksum is wrong")
    entries: Entries = {}
    _read_records(whole, whole, "", 0, entries)
    return entries


def read_about(image: bytes) -> bytes:
    """What `make_romfs` was given beside the files; b"" if it was nothing."""
    rest = _open(image)
    while rest:
        kind, content, rest = _record(rest)
        if kind == PADDING and content[: len(ABOUT_MARK)] == ABOUT_MARK:
            return bytes(content[len(ABOUT_MARK) :])
    return b""


def size_of(head: bytes) -> int:
    """How many bytes an image has that begins so (HEAD_SIZE bytes are enough)."""
    if len(head) <= len(MAGIC) or not head.startswith(MAGIC):
        raise ValueError("it does not begin as a ROMFS")
    try:
        size, rest = _number(memoryview(head)[len(MAGIC) :])
    except ValueError:
        raise ValueError("it is cut short") from None
    return len(head) - len(rest) + size


def _open(image: bytes) -> memoryview:
    """Its records."""
    size = size_of(image)
    if size > len(image):
        raise ValueError("it is cut short")
    return _number(memoryview(image)[len(MAGIC) : size])[1]


def _checksum_holds(whole: memoryview) -> bool:
    try:
        kind, content, rest = _record(whole)
    except ValueError:
        return True
    size = len(CHECKSUM_MARK) + 4
    if kind != PADDING or len(content) != size or content[:-4] != CHECKSUM_MARK:
        return True
    return bool(content[-4:] == google_crc32c.value(bytes(rest)).to_bytes(4, "little"))


def _read_records(
    here: memoryview, whole: memoryview, path: str, depth: int, entries: Entries
) -> None:
    while here:
        kind, content, here = _record(here)
        if kind not in (DIRECTORY, FILE):
            continue
        name, content = _name(content)
        if kind == FILE:
            entries[path + name] = _file_data(content, whole)
        elif depth == DEPTH_MAX:
            raise ValueError("its directories are nested too deep")
        else:
            entries[path + name] = None
            _read_records(content, whole, f"{path}{name}/", depth + 1, entries)


def _file_data(records: memoryview, whole: memoryview) -> memoryview:
    """The first of the records that is data. A pointer is relative to `whole`."""
    try:
        while records:
            kind, content, records = _record(records)
            if kind == DATA_VERBATIM:
                return content
            if kind == DATA_POINTER:
                size, content = _number(content)
                offset, _ = _number(content)
                return _take(_take(whole, offset)[1], size)[0]
    except ValueError:
        pass
    raise ValueError("a file in it has no content")


def _record(span: memoryview) -> tuple[int, memoryview, memoryview]:
    """Kind and content of the first record, and what follows it."""
    kind, span = _number(span)
    if kind == UNUSED:
        raise ValueError(_BEYOND)
    size, span = _number(span)
    return kind, *_take(span, size)


def _name(span: memoryview) -> tuple[str, memoryview]:
    try:
        size, span = _number(span)
        name, rest = _take(span, size)
    except ValueError:
        name = rest = memoryview(b"")
    if not _is_name(bytes(name)):
        raise ValueError("a name in it is no file name")
    return bytes(name).decode(errors="surrogateescape"), rest


def _is_name(name: bytes) -> bool:
    ok = len(name) > 0
    while ok and name:
        byte, size = name[0], _sequence_length(name[0])
        ok = 0 < size <= len(name) and byte >= 0x20 and byte not in (0x7F, ord("/"))
        ok = ok and all(each & 0xC0 == 0x80 for each in name[1:size])
        name = name[size:]
    return ok


def _sequence_length(byte: int) -> int:
    """Of the UTF-8 sequence that begins so."""
    if byte < 0x80:
        return 1
    return next((n for n, least in ((4, 0xF0), (3, 0xE0), (2, 0xC2)) if least <= byte < 0xF5), 0)


def _number(span: memoryview) -> tuple[int, memoryview]:
    """The number at the beginning, in groups of 7 bits, and what follows it."""
    value = 0
    for index, byte in enumerate(span):
        if value << 7 >= _NUMBER_MAX:
            break
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            return value, span[index + 1 :]
    raise ValueError(_BEYOND)


def _take(span: memoryview, size: int) -> tuple[memoryview, memoryview]:
    if size > len(span):
        raise ValueError(_BEYOND)
    return span[:size], span[size:]
