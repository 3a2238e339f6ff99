"""Memory images with SMBIOS tables as the two VMMs place them (DMTF DSP0134 3.6)."""

import struct
from uuid import UUID as Uuid

from tests.host.images import Image

SEARCHED_AT = 0xF0000
SEARCHED_SIZE = 0x10000
UUID = Uuid(bytes=bytes(range(1, 17)))


def with_checksum(entry: bytes, at: int) -> bytes:
    return entry[:at] + bytes([-sum(entry) & 0xFF]) + entry[at + 1 :]


def structure(kind: int, fields: bytes, strings: tuple[bytes, ...] = ()) -> bytes:
    """Section 6.1: the header, the fields, the strings and what ends them."""
    text = b"".join(string + b"\0" for string in strings) or b"\0"
    return struct.pack("<BBH", kind, 4 + len(fields), kind) + fields + text + b"\0"


def table(uuid: bytes = UUID.bytes_le) -> bytes:
    """With the UUID in the byte order of section 7.2.1."""
    bios = structure(0, bytes(20), (b"vendor", b"0"))
    system = structure(1, bytes(4) + uuid + bytes(3), (b"maker", b"product"))
    return bios + system + structure(127, b"")


def entry64(table_at: int, size: int) -> bytes:
    """Section 5.2.2."""
    entry = struct.pack("<5sBBBBBBBIQ", b"_SM3_", 0, 24, 3, 2, 0, 1, 0, size, table_at)
    return with_checksum(entry, 5)


def entry32(table_at: int, size: int) -> bytes:
    """Section 5.2.1."""
    head = struct.pack("<4sBBBBHB5s", b"_SM_", 0, 31, 2, 8, 64, 0, bytes(5))
    tail = struct.pack("<5sBHIHB", b"_DMI_", 0, size, table_at, 3, 0x28)
    return with_checksum(head + tail, 4)


def image(entry: bytes, *, at: int = 0, content: bytes | None = None, table_at: int) -> Image:
    """The searched 64 KiB with `entry` at offset `at`, and the table."""
    searched = bytearray(SEARCHED_SIZE)
    searched[at : at + len(entry)] = entry
    result = Image(entry=0)
    result.add(SEARCHED_AT, bytes(searched))
    result.add(table_at, table() if content is None else content)
    return result


def cloud_hypervisor() -> Image:
    """Version 3.0, at the very start, its table right behind it."""
    searched = bytearray(SEARCHED_SIZE)
    content = entry64(SEARCHED_AT + 24, len(table())) + table()
    searched[: len(content)] = content
    result = Image(entry=0)
    result.add(SEARCHED_AT, bytes(searched))
    return result


def qemu() -> Image:
    """Version 2.8, somewhere, its table elsewhere."""
    return image(entry32(0x7FFE1000, len(table())), at=0x59B0, table_at=0x7FFE1000)
