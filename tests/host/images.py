"""Physical memory as a VMM leaves it to a guest, byte for byte, for the parsers' tests.

The layouts are those of hvm_start_info (Xen's PVH boot ABI) and, for `cloud_hypervisor` and
`qemu`, of these two VMMs.
"""

import struct
from dataclasses import dataclass, field

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30

RAM = 1
RESERVED = 2

START_INFO_MAGIC = 0x336EC578


@dataclass
class Image:
    """Pieces of memory; nothing else is readable. `entry` is where a parser begins."""

    entry: int
    pieces: list[tuple[int, bytes]] = field(default_factory=list)

    def add(self, address: int, content: bytes) -> None:
        self.pieces.append((address, content))

    def encode(self, *, repair_checksums: bool = False) -> bytes:
        """As memory_image.h reads it."""
        parts = [struct.pack("<BQ", repair_checksums, self.entry)]
        for address, content in self.pieces:
            parts += [struct.pack("<QI", address, len(content)), content]
        return b"".join(parts)


@dataclass(frozen=True)
class Entry:
    """One entry of the memory map."""

    start: int
    size: int
    kind: int = RAM

    def encode(self) -> bytes:
        return struct.pack("<QQII", self.start, self.size, self.kind, 0)


def start_info(
    *,
    memmap_at: int,
    entries: int,
    modules: int = 0,
    modules_at: int = 0,
    cmdline_at: int = 0,
    rsdp_at: int = 0,
    version: int = 1,
    magic: int = START_INFO_MAGIC,
) -> bytes:
    """A struct hvm_start_info, 56 bytes, or 40 for version 0."""
    head = struct.pack("<IIIIQQQ", magic, version, 0, modules, modules_at, cmdline_at, rsdp_at)
    return head if version == 0 else head + struct.pack("<QII", memmap_at, entries, 0)


def module(start: int, size: int) -> bytes:
    """A struct hvm_modlist_entry."""
    return struct.pack("<QQQQ", start, size, 0, 0)


def cloud_hypervisor_memmap(memory: int) -> list[Entry]:
    """RAM up to 3 GiB and from 4 GiB on, and the PCI configuration space, in its order."""
    entries = [Entry(0, 0xA0000), Entry(MIB, min(memory, 3 * GIB) - MIB)]
    if memory > 3 * GIB:
        entries.append(Entry(4 * GIB, memory - 3 * GIB))
    return [*entries, Entry(0xE8000000, 0x10000000, RESERVED)]


def cloud_hypervisor(
    memory: int = 512 * MIB, cmdline: bytes = b"", initramfs: int | None = None
) -> Image:
    image = Image(entry=0x6000)
    entries = cloud_hypervisor_memmap(memory)
    modules = 0
    if initramfs is not None:
        modules = 1
        start = (min(memory, 3 * GIB) - initramfs) & ~0xFFF
        image.add(0x6040, module(start, initramfs))
    image.add(
        0x6000,
        start_info(
            memmap_at=0x7000,
            entries=len(entries),
            modules=modules,
            modules_at=0x6040 if modules else 0,
            cmdline_at=0x20000,
            rsdp_at=0xA0000,
        ),
    )
    image.add(0x7000, b"".join(entry.encode() for entry in entries))
    # The rest of the 64 KiB is zero. One page of it is enough, or what the text needs.
    image.add(0x20000, cmdline.ljust((len(cmdline) // 4096 + 1) * 4096, b"\0"))
    return image


def qemu(memory: int = 512 * MIB, cmdline: bytes = b"") -> Image:
    """What the option ROM of q35 makes of the firmware's memory map."""
    low = min(memory, 2 * GIB)
    entries = [
        Entry(0, 0x9FC00),
        Entry(0x9FC00, 0x400, RESERVED),
        Entry(0xF0000, 0x10000, RESERVED),
        Entry(MIB, low - MIB - 0x20000),
        Entry(low - 0x20000, 0x20000, RESERVED),
        Entry(0xB0000000, 0x10000000, RESERVED),
        Entry(0xFED1C000, 0x4000, RESERVED),
        Entry(0xFFFC0000, 0x40000, RESERVED),
    ]
    if memory > low:
        entries.append(Entry(4 * GIB, memory - low))
    entries.append(Entry(0xFD00000000, 0x300000000, RESERVED))
    image = Image(entry=0xC9A34)
    cmdline_at = 0xC8123
    image.add(
        0xC9A34,
        start_info(memmap_at=0xC8A01, entries=len(entries), cmdline_at=cmdline_at, rsdp_at=0xF59E0),
    )
    image.add(0xC8A01, b"".join(entry.encode() for entry in entries))
    image.add(cmdline_at, cmdline.ljust(0x800, b"\0") + bytes(0x800))
    return image
