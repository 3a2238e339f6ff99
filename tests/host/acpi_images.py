"""ACPI tables as Cloud Hypervisor and QEMU lay them out, and broken ones.

Layouts: ACPI specification 6.5, chapter 5; AML: chapter 20; MCFG: PCI firmware specification.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from tests.host.images import Image

HEADER_SIZE = 36
SYSTEM_MEMORY = 0
SYSTEM_IO = 1


def with_checksum(content: bytes, at: int) -> bytes:
    """The bytes with the one at `at` changed so that they add up to 0."""
    rest = sum(content) - content[at]
    return content[:at] + bytes([-rest & 0xFF]) + content[at + 1 :]


def table(signature: bytes, body: bytes, revision: int = 1, oem: bytes = b"CLOUDH") -> bytes:
    """A table: the header, with its checksum, and the body."""
    header = struct.pack(
        "<4sIBB6s8sI4sI",
        signature,
        HEADER_SIZE + len(body),
        revision,
        0,
        oem,
        b"TEST".ljust(8),
        1,
        b"RVAT",
        1,
    )
    return with_checksum(header + body, 9)


def rsdp(rsdt: int, xsdt: int | None, oem: bytes = b"CLOUDH") -> bytes:
    """Revision 0 without an XSDT, else revision 2."""
    revision = 0 if xsdt is None else 2
    content = with_checksum(struct.pack("<8sB6sBI", b"RSD PTR ", 0, oem, revision, rsdt), 8)
    if xsdt is None:
        return content
    return with_checksum(content + struct.pack("<IQB3x", 36, xsdt, 0), 32)


# MADT: interrupt controller structures.


def lapic(uid: int, apic_id: int, flags: int = 1) -> bytes:
    return struct.pack("<BBBBI", 0, 8, uid, apic_id, flags)


def ioapic(number: int, address: int, gsi_base: int) -> bytes:
    return struct.pack("<BBBBII", 1, 12, number, 0, address, gsi_base)


def override(irq: int, gsi: int, flags: int, bus: int = 0) -> bytes:
    return struct.pack("<BBBBIH", 2, 10, bus, irq, gsi, flags)


def lapic_nmi() -> bytes:
    return struct.pack("<BBBHB", 4, 6, 0xFF, 0, 1)


def lapic_address(address: int) -> bytes:
    return struct.pack("<BBHQ", 5, 12, 0, address)


def x2apic(uid: int, apic_id: int, flags: int = 1) -> bytes:
    return struct.pack("<BBHIII", 9, 16, 0, apic_id, flags, uid)


def madt(*structures: bytes, address: int = 0xFEE00000, revision: int = 5) -> bytes:
    return table(b"APIC", struct.pack("<II", address, 0) + b"".join(structures), revision)


def mcfg(*segments: tuple[int, int, int, int]) -> bytes:
    """Segments: base address, number, first bus, last bus."""
    body = bytes(8) + b"".join(struct.pack("<QHBBI", *segment, 0) for segment in segments)
    return table(b"MCFG", body)


# FADT.


def gas(space: int, address: int, bits: int) -> bytes:
    """A generic address structure."""
    return struct.pack("<BBBBQ", space, bits, 0, 0, address)


NO_GAS = bytes(12)

FADT_FIELDS = {
    "dsdt": (40, "<I"),
    "pm1a": (64, "<I"),
    "pm1b": (68, "<I"),
    "pm_timer": (76, "<I"),
    "pm_timer_length": (91, "<B"),
    "century": (108, "<B"),
    "flags": (112, "<I"),
    "reset": (116, "12s"),
    "reset_value": (128, "<B"),
    "x_dsdt": (140, "<Q"),
    "x_pm1a": (172, "12s"),
    "x_pm1b": (184, "12s"),
    "x_pm_timer": (208, "12s"),
    "sleep_control": (244, "12s"),
    "sleep_status": (256, "12s"),
    "hypervisor": (268, "8s"),
}

TMR_VAL_EXT = 1 << 8
RESET_REG_SUP = 1 << 10
HW_REDUCED = 1 << 20


def fadt(size: int = 276, **fields: int | bytes) -> bytes:
    """A FADT of that size; fields that are not given are zero."""
    content = bytearray(max(size, 276))
    for name, value in fields.items():
        offset, layout = FADT_FIELDS[name]
        struct.pack_into(layout, content, offset, value)
    return table(b"FACP", bytes(content[HEADER_SIZE:size]), 6)


# AML.


def aml_integer(value: int) -> bytes:
    """The shortest form, as compilers write it."""
    if value in (0, 1):
        return bytes([value])
    for prefix, layout in ((0x0A, "<B"), (0x0B, "<H"), (0x0C, "<I")):
        if value < 1 << 8 * struct.calcsize(layout):
            return bytes([prefix]) + struct.pack(layout, value)
    return b"\x0e" + struct.pack("<Q", value)


def aml_length(content: bytes, lead_bytes: int = 1) -> bytes:
    """A package length in 1 to 4 bytes, and the content."""
    size = len(content) + lead_bytes
    if lead_bytes == 1:
        return bytes([size]) + content
    rest = (size >> 4).to_bytes(lead_bytes - 1, "little")
    return bytes([(lead_bytes - 1) << 6 | size & 0xF]) + rest + content


def aml_sleep_package(name: bytes, values: Sequence[int], lead_bytes: int = 1) -> bytes:
    elements = b"".join(aml_integer(value) for value in values)
    return b"\x08" + name + b"\x12" + aml_length(bytes([len(values)]) + elements, lead_bytes)


def aml_region(name: bytes, space: int, address: int, length: int) -> bytes:
    start = b"\x5b\x80" + name + bytes([space])
    return start + aml_integer(address) + aml_integer(length)


def aml_device(name: bytes, content: bytes) -> bytes:
    return b"\x5b\x82" + aml_length(name + content, 2)


def interrupt(*gsis: int, flags: int = 3) -> bytes:
    """An extended interrupt descriptor: ACPI 6.5, 6.4.3.6."""
    body = bytes([flags, len(gsis)]) + struct.pack(f"<{len(gsis)}I", *gsis)
    return b"\x89" + struct.pack("<H", len(body)) + body


def aml_resources(content: bytes) -> bytes:
    """Name (_CRS, Buffer () { ... }), with its end tag."""
    content += b"\x79\0"
    return b"\x08_CRS\x11" + aml_length(aml_integer(len(content)) + content)


@dataclass(frozen=True)
class Tables:
    """Where the tables go and how they are found."""

    rsdp_at: int
    first_at: int
    use_xsdt: bool
    oem: bytes = b"CLOUDH"
    alignment: int = 1

    def place(self, dsdt: bytes, fadt_fields: dict[str, int | bytes], *others: bytes) -> Image:
        """The RSDP, DSDT, FADT, the others and the RSDT or XSDT, one after the other."""
        image = Image(entry=self.rsdp_at)
        at = self.first_at
        addresses = []
        dsdt_table = table(b"DSDT", dsdt, 6)
        pointer = "x_dsdt" if self.use_xsdt else "dsdt"
        size = 276 if self.use_xsdt else 244
        fields: dict[str, int | bytes] = {pointer: at, **fadt_fields}
        fadt_table = fadt(size, **fields)
        for content in (dsdt_table, fadt_table, *others):
            image.add(at, content)
            addresses.append(at)
            at += -(-len(content) // self.alignment) * self.alignment
        entries = addresses[1:]
        if self.use_xsdt:
            image.add(at, table(b"XSDT", struct.pack(f"<{len(entries)}Q", *entries)))
            image.add(self.rsdp_at, rsdp(0, at, self.oem))
        else:
            image.add(at, table(b"RSDT", struct.pack(f"<{len(entries)}I", *entries)))
            image.add(self.rsdp_at, rsdp(at, None, self.oem))
        return image


def cloud_hypervisor(cpus: int = 1, max_cpus: int = 1, address_bits: int = 46) -> Image:
    """As v53.0: hardware-reduced, XSDT only, nothing aligned, x2APIC entries only."""
    top = 1 << address_bits
    dsdt = (
        bytes(7)
        + aml_region(b"PCST", SYSTEM_MEMORY, top - 0x11000, 0x10)
        + aml_sleep_package(b"_S5_", [5, 5, 0, 0])
        + aml_region(b"GDST", SYSTEM_MEMORY, top - 0x13000, 1)
        + aml_region(b"PRST", SYSTEM_MEMORY, top - 0x12000, 0xC)
        + aml_device(b"COM1", aml_resources(interrupt(4)))
        + aml_device(b"\x2e_SB_GED_", b"\x08_UID\0" + aml_resources(interrupt(13)))
    )
    fields: dict[str, int | bytes] = {
        "flags": TMR_VAL_EXT | RESET_REG_SUP | HW_REDUCED,
        "reset": gas(SYSTEM_IO, 0x600, 8),
        "reset_value": 1,
        "sleep_control": gas(SYSTEM_IO, 0x600, 8),
        "sleep_status": gas(SYSTEM_IO, 0x600, 8),
        "x_pm_timer": gas(SYSTEM_IO, 0x608, 32),
        "hypervisor": b"CLOUDHYP",
    }
    cpu_structures = [x2apic(n, n, 3 if n < cpus else 2) for n in range(max_cpus)]
    controllers = [ioapic(0, 0xFEC00000, 0), override(4, 4, 0)]
    return Tables(rsdp_at=0xA0000, first_at=0xA0024, use_xsdt=True).place(
        dsdt, fields, madt(*cpu_structures, *controllers), mcfg((0xE8000000, 0, 0, 0))
    )


def qemu(cpus: int = 1) -> Image:
    """As q35 of 7.2: RSDT only, ACPI 1.0 registers, APIC entries and overrides."""
    dsdt = (
        aml_region(b"DBG_", SYSTEM_IO, 0x402, 1)
        + aml_region(b"PCST", SYSTEM_IO, 0xCC0, 8)
        + aml_region(b"HPTM", SYSTEM_MEMORY, 0xFED00000, 0x400)
        + aml_region(b"PRST", SYSTEM_IO, 0xCD8, 0xC)
        + aml_sleep_package(b"_S3_", [1, 1, 0, 0])
        + aml_sleep_package(b"_S4_", [2, 2, 0, 0])
        + aml_sleep_package(b"_S5_", [0, 0, 0, 0])
    )
    fields: dict[str, int | bytes] = {
        "flags": 0x84A5,
        "pm1a": 0x604,
        "pm_timer": 0x608,
        "pm_timer_length": 4,
        "century": 0x32,
        "reset": gas(SYSTEM_IO, 0xCF9, 8),
        "reset_value": 0xF,
        "x_pm1a": gas(SYSTEM_IO, 0x604, 16),
        "x_pm_timer": gas(SYSTEM_IO, 0x608, 32),
    }
    structures = [
        *(lapic(n, n) for n in range(cpus)),
        ioapic(0, 0xFEC00000, 0),
        override(0, 2, 0),
        *(override(irq, irq, 0xD) for irq in (5, 9, 10, 11)),
        lapic_nmi(),
    ]
    hpet = table(b"HPET", bytes(20))
    return Tables(rsdp_at=0xF59E0, first_at=0x1FFE0040, use_xsdt=False, oem=b"BOCHS ").place(
        dsdt, fields, madt(*structures, revision=1), hpet, mcfg((0xB0000000, 0, 0, 255))
    )
