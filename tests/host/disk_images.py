"""Disks as a VMM gives them to a guest, byte for byte, with tables and filesystems on them."""

import struct
import zlib
from dataclasses import dataclass, field, replace
from uuid import UUID

UNREADABLE = 0xFFFFFFFF

LINUX = UUID("0FC63DAF-8483-4772-8E79-3D69D8477DE4")
EFI_SYSTEM = UUID("C12A7328-F81F-11D2-BA4B-00A0C93EC93B")
BASIC_DATA = UUID("EBD0A0A2-B9E5-4433-87C0-68B6B72699C7")


@dataclass
class Disk:
    """`sectors` of `sector_size`, zero but for the pieces."""

    sectors: int
    sector_size: int = 512
    buffer_size: int = 4096
    pieces: list[tuple[int, bytes | None]] = field(default_factory=list)

    def write(self, sector: int, content: bytes, offset: int = 0) -> "Disk":
        self.pieces.append((sector * self.sector_size + offset, content))
        return self

    def spoil(self, sector: int) -> "Disk":
        """From now on that sector cannot be read."""
        self.pieces.append((sector * self.sector_size, None))
        return self

    def encode(self) -> bytes:
        """As disk_image.h reads it."""
        parts = [struct.pack("<IIQ", self.sector_size, self.buffer_size, self.sectors)]
        for at, content in self.pieces:
            parts.append(struct.pack("<QI", at, UNREADABLE if content is None else len(content)))
            parts.append(content or b"")
        return b"".join(parts)


def mbr_entry(kind: int, start: int, count: int, status: int = 0) -> bytes:
    return struct.pack("<B3sB3sII", status, b"\0\2\0", kind, b"\xff\xff\xff", start, count)


def mbr(*entries: bytes, before: bytes = b"") -> bytes:
    """A first sector: what is `before` the table, its entries, 55 aa."""
    return before.ljust(446, b"\0") + b"".join(entries).ljust(64, b"\0") + b"\x55\xaa"


@dataclass(frozen=True)
class GptEntry:
    first: int
    last: int
    name: str = ""
    kind: UUID = LINUX

    def encode(self, size: int = 128) -> bytes:
        name = self.name.encode("utf-16-le", errors="surrogatepass").ljust(72, b"\0")
        unique = UUID(int=self.first + 1).bytes_le
        head = struct.pack("<16s16sQQQ", self.kind.bytes_le, unique, self.first, self.last, 0)
        return (head + name).ljust(size, b"\xee")


def gpt_header(array: bytes, **fields: int) -> bytes:
    """A header with a right checksum, whatever its fields."""
    values = {
        "revision": 0x10000,
        "size": 92,
        "my_lba": 1,
        "alternate": 0,
        "first": 34,
        "last": 0,
        "array_at": 2,
        "entries": 128,
        "entry_size": 128,
        "array_crc": zlib.crc32(array),
    } | fields
    parts = [b"EFI PART", struct.pack("<II", values["revision"], values["size"]), bytes(8)]
    parts += [struct.pack("<QQ", values["my_lba"], values["alternate"])]
    parts += [struct.pack("<QQ", values["first"], values["last"]), UUID(int=7).bytes_le]
    parts += [struct.pack("<QII", values["array_at"], values["entries"], values["entry_size"])]
    parts += [struct.pack("<I", values["array_crc"])]
    header = b"".join(parts).ljust(values["size"], b"\0")
    crc = zlib.crc32(header[: values["size"]])
    return header[:16] + struct.pack("<I", crc) + header[20:]


@dataclass(frozen=True)
class Gpt:
    """A GPT as sgdisk writes it: protective MBR, header, entries; entries and header at the end."""

    entries: tuple[GptEntry | None, ...]
    entry_count: int = 128
    entry_size: int = 128
    header: dict[str, int] = field(default_factory=dict)
    """Fields of both headers that are to be other ones."""

    def array(self) -> bytes:
        unused = bytes(self.entry_size)
        encoded = [e.encode(self.entry_size) if e else unused for e in self.entries]
        return b"".join(encoded).ljust(self.entry_count * self.entry_size, b"\0")

    def write(self, disk: Disk, *, primary: bool = True, copy: bool = True) -> Disk:
        array = self.array()
        sectors = -(-len(array) // disk.sector_size)
        last = disk.sectors - 1
        fields = {"entries": self.entry_count, "entry_size": self.entry_size}
        fields |= {"first": 2 + sectors, "last": last - sectors - 1} | self.header
        size = min(last, 0xFFFFFFFF)
        disk.write(0, mbr(mbr_entry(0xEE, 1, size)))
        if primary:
            disk.write(1, gpt_header(array, **{"my_lba": 1, "alternate": last} | fields))
            disk.write(2, array)
        if copy:
            places = {"my_lba": last, "alternate": 1, "array_at": last - sectors}
            disk.write(last, gpt_header(array, **places | fields))
            disk.write(last - sectors, array)
        return disk

    def with_entries(self, *entries: GptEntry | None) -> "Gpt":
        return replace(self, entries=entries)


def fat_boot_sector(
    *,
    sectors: int = 20480,
    sector_size: int = 512,
    cluster: int = 4,
    reserved: int = 1,
    fats: int = 2,
    root_entries: int = 512,
    fat_sectors: int = 20,
    label: bytes = b"NO NAME    ",
    kind: bytes = b"FAT16   ",
    jump: bytes = b"\xeb\x3c\x90",
) -> bytes:
    """That of a FAT12 or FAT16: Microsoft's FAT specification 1.03. As it is, a FAT16 of 10 MiB."""
    small = sectors if sectors < 0x10000 else 0
    head = struct.pack(
        "<3s8sHBHBH", jump, b"mkfs.fat", sector_size, cluster, reserved, fats, root_entries
    )
    head += struct.pack("<HBHHHII", small, 0xF8, fat_sectors, 32, 64, 0, 0 if small else sectors)
    head += struct.pack("<BBBI11s8s", 0x80, 0, 0x29, 0x12345678, label, kind)
    return head.ljust(510, b"\0") + b"\x55\xaa"


def fat32_boot_sector(
    *,
    sectors: int = 1 << 20,
    fat_sectors: int = 1024,
    label: bytes = b"NO NAME    ",
    version: int = 0,
) -> bytes:
    """That of a FAT32 of 512 MiB."""
    head = struct.pack("<3s8sHBHBH", b"\xeb\x58\x90", b"mkfs.fat", 512, 8, 32, 2, 0)
    head += struct.pack("<HBHHHII", 0, 0xF8, 0, 32, 64, 0, sectors)
    head += struct.pack("<IHHIHH12x", fat_sectors, 0, version, 2, 1, 6)
    head += struct.pack("<BBBI11s8s", 0x80, 0, 0x29, 0x12345678, label, b"FAT32   ")
    return head.ljust(510, b"\0") + b"\x55\xaa"


LITTLEFS_CONFIG = (255, 0x7FFFFFFF, 1022)
"""The longest name, file and attribute."""


def littlefs_block(
    block_size: int = 4096,
    block_count: int = 64,
    *,
    revision: int = 1,
    version: int = 0x00020001,
    limits: tuple[int, int, int] = LITTLEFS_CONFIG,
    later: tuple[int, ...] = (),
) -> bytes:
    """A superblock's block of one commit, and one more for each of `later`: block counts."""
    content = struct.pack("<I", revision)
    begin = 0
    previous = 0xFFFFFFFF

    def tag(kind: int, number: int, data: bytes) -> bytes:
        nonlocal previous
        value = kind << 20 | number << 10 | len(data)
        encoded = struct.pack(">I", value ^ previous)
        previous = value
        return encoded + data

    for commit, count in enumerate((block_count, *later)):
        if not commit:
            content += tag(0x0FF, 0, b"littlefs")
        content += tag(0x201, 0, struct.pack("<6I", version, block_size, count, *limits))
        crc_tag = tag(0x500, 0x3FF, bytes(4))[:4]
        # littlefs does not invert the last value.
        crc = zlib.crc32(content[begin:] + crc_tag) ^ 0xFFFFFFFF
        content += crc_tag + struct.pack("<I", crc)
        begin = len(content)
    return content
