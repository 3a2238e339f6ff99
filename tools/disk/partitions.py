# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Partition tables: MBR, and GPT as the UEFI specification has it (2.10, section 5.3).

Sectors have 512 bytes. Of an MBR only the four primary partitions are looked at.
"""

import struct
import uuid
import zlib
from dataclasses import dataclass
from itertools import pairwise

from ..errors import UserError
from .filesystem import Broken
from .image import SECTOR, Area

ALIGNMENT = 1 << 20
"""Where a partition that we make begins, and what its size is a multiple of."""
FAT_TYPE = uuid.UUID("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7")
"""GPT's name for what Windows keeps data on."""
OTHER_TYPE = uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")
"""GPT's name for a filesystem of Linux's. littlefs has none of its own."""
MBR_FAT_TYPE = 0x0C
MBR_OTHER_TYPE = 0x83

_MBR_SIGNATURE = b"\x55\xaa"
_MBR_ENTRY = struct.Struct("<B3sB3sII")
_MBR_ENTRIES_AT = 446
_PROTECTIVE = 0xEE
_EXTENDED = (0x05, 0x0F, 0x85)
_NO_CHS = b"\xfe\xff\xff"
"""Too far for cylinders and heads."""
_MBR_SECTORS_MAX = 2**32 - 1

_GPT_SIGNATURE = b"EFI PART"
_GPT_HEADER = struct.Struct("<8s4sIIIQQQQ16sQIII")
_GPT_ENTRY = struct.Struct("<16s16sQQQ72s")
_GPT_REVISION = b"\x00\x00\x01\x00"
_GPT_ENTRIES = 128
_GPT_ENTRIES_MAX = 1024
_GPT_TABLE_SECTORS = _GPT_ENTRIES * _GPT_ENTRY.size // SECTOR
_GPT_NAME_MAX = 36


@dataclass(frozen=True)
class Partition:
    number: int
    """As in the table, from 1."""
    area: Area
    name: str = ""


@dataclass(frozen=True)
class PartitionTable:
    kind: str
    """MBR or GPT."""
    partitions: list[Partition]


def has_gpt(image: Area) -> bool:
    """Whether the image says that it has a GPT, right or not."""
    head = image.read(0, 2 * SECTOR)
    types = [entry[2] for entry in _mbr_entries(head)]
    return head[SECTOR : SECTOR + 8] == _GPT_SIGNATURE or _PROTECTIVE in types


def read_gpt(image: Area) -> PartitionTable:
    """Broken where header or table are not as their checksums say, or reach out of the image."""
    sector = image.read(SECTOR, SECTOR)
    if len(sector) < SECTOR or sector[:8] != _GPT_SIGNATURE:
        raise _bad_gpt("sector 1 is no header")
    (_, _, header_size, checksum, _, own, _, first, last, _, table_at, count, size, table_sum) = (
        _GPT_HEADER.unpack_from(sector)
    )
    if not _GPT_HEADER.size <= header_size <= SECTOR:
        raise _bad_gpt(f"a header of {header_size} bytes")
    unsigned = sector[:16] + bytes(4) + sector[20:header_size]
    if zlib.crc32(unsigned) != checksum:
        raise _bad_gpt("its header does not have its checksum")
    sectors = image.size // SECTOR
    if own != 1 or not first <= last < sectors:
        raise _bad_gpt("its header is for another place, or a larger image")
    if not 1 <= count <= _GPT_ENTRIES_MAX or size not in (128, 256, 512):
        raise _bad_gpt(f"a table of {count} times {size} bytes")
    table = image.read(table_at * SECTOR, count * size)
    if len(table) < count * size or zlib.crc32(table) != table_sum:
        raise _bad_gpt("its table does not have its checksum")
    partitions = []
    for index in range(count):
        kind, _, begin, end, _, name = _GPT_ENTRY.unpack_from(table, index * size)
        if kind == bytes(16):
            continue
        if not first <= begin <= end <= last:
            raise _bad_gpt(f"partition {index + 1} lies outside of what it may use")
        area = image.part(begin * SECTOR, (end + 1 - begin) * SECTOR)
        text = name.decode("utf-16-le", errors="replace").split("\0")[0]
        partitions.append(Partition(index + 1, area, text))
    _refuse_overlaps("GPT", partitions)
    return PartitionTable("GPT", partitions)


def read_mbr(image: Area) -> PartitionTable | None:
    """None where there is none: its signature alone says nothing, boot sectors of FAT have it."""
    entries = _mbr_entries(image.read(0, SECTOR))
    used = [(number, entry) for number, entry in enumerate(entries, 1) if entry[2]]
    if not used or any(entry[0] not in (0, 0x80) for entry in entries):
        return None
    partitions = []
    for number, (_, _, kind, _, begin, count) in used:
        if begin == 0 or count == 0 or (begin + count) * SECTOR > image.size:
            raise Broken(
                f"The image's MBR is broken: partition {number} lies outside of the image.",
                "Is the image complete?",
            )
        if kind not in _EXTENDED:
            partitions.append(Partition(number, image.part(begin * SECTOR, count * SECTOR)))
    _refuse_overlaps("MBR", partitions)
    return PartitionTable("MBR", partitions)


def _mbr_entries(sector: bytes) -> list[tuple[int, bytes, int, bytes, int, int]]:
    if sector[510:512] != _MBR_SIGNATURE:
        return []
    return [
        _MBR_ENTRY.unpack_from(sector, _MBR_ENTRIES_AT + index * _MBR_ENTRY.size)
        for index in range(4)
    ]


def _refuse_overlaps(kind: str, partitions: list[Partition]) -> None:
    ordered = sorted(partitions, key=lambda each: each.area.start)
    for one, next_one in pairwise(ordered):
        if one.area.start + one.area.size > next_one.area.start:
            raise Broken(
                f"The image's {kind} is broken: partitions {one.number} and {next_one.number} "
                "overlap."
            )


def _bad_gpt(what: str) -> Broken:
    return Broken(
        f"The image's GPT is broken: {what}.", "Repair it with gdisk, or make another image."
    )


def write_mbr(image: Area, is_fat: bool) -> Partition:
    """Divide the image: one partition with all that there is."""
    begin = ALIGNMENT // SECTOR
    count = (image.size - ALIGNMENT) // ALIGNMENT * ALIGNMENT // SECTOR
    if count < 1:
        raise _too_small(2 * ALIGNMENT)
    if begin + count > _MBR_SECTORS_MAX:
        raise UserError("An MBR reaches 2 TiB and no further.", "Give --partition gpt.")
    kind = MBR_FAT_TYPE if is_fat else MBR_OTHER_TYPE
    image.write(0, _mbr(kind, begin, count))
    return Partition(1, image.part(begin * SECTOR, count * SECTOR))


def write_gpt(image: Area, is_fat: bool, name: str) -> Partition:
    """Divide the image: one partition with all that there is."""
    sectors = image.size // SECTOR
    first = 2 + _GPT_TABLE_SECTORS
    last = sectors - 2 - _GPT_TABLE_SECTORS
    begin = ALIGNMENT // SECTOR
    size = ((last + 1) * SECTOR - ALIGNMENT) // ALIGNMENT * ALIGNMENT
    if size < ALIGNMENT:
        raise _too_small(2 * ALIGNMENT + (1 + _GPT_TABLE_SECTORS) * SECTOR)
    if len(name.encode("utf-16-le")) > 2 * _GPT_NAME_MAX:
        raise UserError(f"--label {name!r} is too long.", f"GPT takes {_GPT_NAME_MAX} characters.")
    entry = _GPT_ENTRY.pack(
        (FAT_TYPE if is_fat else OTHER_TYPE).bytes_le,
        uuid.uuid4().bytes_le,
        begin,
        begin + size // SECTOR - 1,
        0,
        name.encode("utf-16-le"),
    )
    table = entry.ljust(_GPT_ENTRIES * _GPT_ENTRY.size, b"\0")
    disk = uuid.uuid4().bytes_le
    for own, other, table_at in ((1, sectors - 1, 2), (sectors - 1, 1, last + 1)):
        fields = (_GPT_SIGNATURE, _GPT_REVISION, _GPT_HEADER.size)
        more = (0, own, other, first, last, disk, table_at, _GPT_ENTRIES, _GPT_ENTRY.size)
        unsigned = _GPT_HEADER.pack(*fields, 0, *more, zlib.crc32(table))
        checksum = zlib.crc32(unsigned)
        image.write(own * SECTOR, _GPT_HEADER.pack(*fields, checksum, *more, zlib.crc32(table)))
        image.write(table_at * SECTOR, table)
    image.write(0, _mbr(_PROTECTIVE, 1, min(sectors - 1, _MBR_SECTORS_MAX)))
    return Partition(1, image.part(begin * SECTOR, size), name)


def _mbr(kind: int, begin: int, count: int) -> bytes:
    entry = _MBR_ENTRY.pack(0, _NO_CHS, kind, _NO_CHS, begin, count)
    return bytes(_MBR_ENTRIES_AT) + entry + bytes(3 * _MBR_ENTRY.size) + _MBR_SIGNATURE


def _too_small(least: int) -> UserError:
    return UserError(
        "The image is too small for a partition table.",
        f"Give --size {-(-least >> 10)}K or more, or --partition none.",
    )
