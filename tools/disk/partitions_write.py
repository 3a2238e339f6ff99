# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Divides an image: one partition with all that there is, in an MBR or a GPT (UEFI 2.10, 5.3)."""

import uuid
import zlib

from ..errors import UserError
from . import partitions_gpt, partitions_mbr
from .image import SECTOR, Area

ALIGNMENT = 1 << 20
"""Where a partition that we make begins, and what its size is a multiple of."""
FAT_TYPE = uuid.UUID("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7")
"""GPT's name for what Windows keeps data on."""
OTHER_TYPE = uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")
"""GPT's name for a filesystem of Linux's. littlefs has none of its own."""
MBR_FAT_TYPE = 0x0C
MBR_OTHER_TYPE = 0x83

_NO_CHS = b"\xfe\xff\xff"
"""Too far for cylinders and heads."""
_MBR_SECTORS_MAX = 2**32 - 1
_GPT_VERSION = 1
_GPT_ENTRIES = 128
_GPT_TABLE_SECTORS = _GPT_ENTRIES * partitions_gpt.ENTRY.size // SECTOR
_GPT_NAME_MAX = 36


def write_mbr(image: Area, is_fat: bool) -> Area:
    """The partition."""
    begin = ALIGNMENT // SECTOR
    count = (image.size - ALIGNMENT) // ALIGNMENT * ALIGNMENT // SECTOR
    if count < 1:
        raise _too_small(2 * ALIGNMENT)
    if begin + count > _MBR_SECTORS_MAX:
        raise UserError("An MBR reaches 2 TiB and no further.", "Give --partition gpt.")
    kind = MBR_FAT_TYPE if is_fat else MBR_OTHER_TYPE
    image.write(0, _mbr(kind, begin, count))
    return image.part(begin * SECTOR, count * SECTOR)


def write_gpt(image: Area, is_fat: bool, name: str) -> Area:
    """The partition, which gets that name."""
    sectors = image.size // SECTOR
    first = 2 + _GPT_TABLE_SECTORS
    last = sectors - 2 - _GPT_TABLE_SECTORS
    begin = ALIGNMENT // SECTOR
    size = ((last + 1) * SECTOR - ALIGNMENT) // ALIGNMENT * ALIGNMENT
    if size < ALIGNMENT:
        raise _too_small(2 * ALIGNMENT + (1 + _GPT_TABLE_SECTORS) * SECTOR)
    if len(name.encode("utf-16-le")) > 2 * _GPT_NAME_MAX:
        raise UserError(f"--label {name!r} is too long.", f"GPT takes {_GPT_NAME_MAX} characters.")
    entry = partitions_gpt.ENTRY.pack(
        (FAT_TYPE if is_fat else OTHER_TYPE).bytes_le,
        uuid.uuid4().bytes_le,
        begin,
        begin + size // SECTOR - 1,
        0,
        name.encode("utf-16-le"),
    )
    table = entry.ljust(_GPT_ENTRIES * partitions_gpt.ENTRY.size, b"\0")
    disk = uuid.uuid4().bytes_le
    for own, other, table_at in ((1, sectors - 1, 2), (sectors - 1, 1, last + 1)):
        fields = (partitions_gpt.SIGNATURE, 0, _GPT_VERSION, partitions_gpt.HEADER.size)
        places = (0, own, other, first, last, disk, table_at)
        array = (_GPT_ENTRIES, partitions_gpt.ENTRY.size, zlib.crc32(table))
        unsigned = partitions_gpt.HEADER.pack(*fields, 0, *places, *array)
        checksum = zlib.crc32(unsigned)
        image.write(own * SECTOR, partitions_gpt.HEADER.pack(*fields, checksum, *places, *array))
        image.write(table_at * SECTOR, table)
    image.write(0, _mbr(partitions_mbr.PROTECTIVE, 1, min(sectors - 1, _MBR_SECTORS_MAX)))
    return image.part(begin * SECTOR, size)


def _mbr(kind: int, begin: int, count: int) -> bytes:
    entry = partitions_mbr.ENTRY.pack(0, _NO_CHS, kind, _NO_CHS, begin, count)
    unused = bytes((partitions_mbr.ENTRIES - 1) * len(entry))
    return bytes(partitions_mbr.ENTRIES_AT) + entry + unused + partitions_mbr.SIGNATURE


def _too_small(least: int) -> UserError:
    return UserError(
        "The image is too small for a partition table.",
        f"Give --size {-(-least >> 10)}K or more, or --partition none.",
    )
