"""drivers/acpi*.c: what the machine tells by its ACPI tables."""

import json
import random
import struct
from pathlib import Path
from typing import Any

import pytest

from tests.host import acpi_images, programs
from tests.host.acpi_images import (
    HW_REDUCED,
    RESET_REG_SUP,
    SYSTEM_IO,
    SYSTEM_MEMORY,
    TMR_VAL_EXT,
    gas,
    ioapic,
    lapic,
    lapic_address,
    madt,
    mcfg,
    override,
    rsdp,
    table,
    x2apic,
)
from tests.host.images import Image

LAPIC = 0xFEE00000
NONE = ["none", 0, 0]


def parse(image: Image, tmp_path: Path, *regions: str) -> dict[str, Any]:
    """The result; the probe also checks everything that acpi.h promises about it."""
    path = tmp_path / "image"
    path.write_bytes(image.encode())
    done = programs.run("probe_acpi", str(path), *regions)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def with_tables(*tables: bytes, dsdt: bytes = b"", fadt: dict[str, Any] | None = None) -> Image:
    """A machine with an XSDT, at odd addresses."""
    places = acpi_images.Tables(rsdp_at=0x1001, first_at=0x20003, use_xsdt=True)
    return places.place(dsdt, fadt or {}, *tables)


def find(image: Image, signature: bytes) -> int:
    """Which of the pieces is the table."""
    return next(n for n, (_, content) in enumerate(image.pieces) if content[:4] == signature)


def change(image: Image, signature: bytes, at: int, content: bytes) -> None:
    """Overwrites part of a table, whose checksum is then wrong unless it covers that."""
    index = find(image, signature)
    address, old = image.pieces[index]
    image.pieces[index] = (address, old[:at] + content + old[at + len(content) :])


def test_cloud_hypervisor(tmp_path: Path) -> None:
    image = acpi_images.cloud_hypervisor(cpus=2, max_cpus=3, address_bits=40)
    result = parse(image, tmp_path, "PCST", "PRST", "GDST", "MHPR", "COM1", "GED_")
    tables = result.pop("tables")
    assert result == {
        "root": "ok",
        "madt": "ok",
        "fadt": "ok",
        "mcfg": "ok",
        "oem_id": "CLOUDH",
        "hypervisor": "CLOUDHYP",
        "lapic": LAPIC,
        "cpu_enabled": 2,
        "cpu_possible": 3,
        "fadt_flags": TMR_VAL_EXT | RESET_REG_SUP | HW_REDUCED,
        "reset_value": 1,
        "pm_timer_bits": 32,
        "rtc_century": 0,
        "dsdt": 0xA0024,
        "reset": ["io", 0x600, 8],
        "sleep_control": ["io", 0x600, 8],
        "sleep_status": ["io", 0x600, 8],
        "pm1a_control": NONE,
        "pm1b_control": NONE,
        "pm_timer": ["io", 0x608, 32],
        "cpus": [[0, 0, True], [1, 1, True], [2, 2, False]],
        "ioapics": [[0, 0xFEC00000, 0]],
        "irqs": [[irq, "edge high"] for irq in range(16)],
        "segments": [[0xE8000000, 0, 0, 0]],
        "dsdt_state": "ok",
        "sleep_types": {"5": [5, 5]},
        "regions": {
            "PCST": ["memory", 0xFFFFFEF000, 0x10],
            "PRST": ["memory", 0xFFFFFEE000, 0xC],
            "GDST": ["memory", 0xFFFFFED000, 1],
        },
        "interrupts": {"COM1": 4, "GED_": 13},
    }
    assert [entry[0] for entry in tables] == ["XSDT", "FACP", "APIC", "MCFG", "DSDT"]
    assert {entry[3] for entry in tables} == {"ok"}


def test_qemu(tmp_path: Path) -> None:
    result = parse(acpi_images.qemu(cpus=4), tmp_path, "PCST", "PRST", "HPTM", "NONE")
    tables = result.pop("tables")
    irqs = [[irq, "edge high"] for irq in range(16)]
    irqs[0] = [2, "edge high"]
    for irq in (5, 9, 10, 11):
        irqs[irq] = [irq, "level high"]
    assert result == {
        "root": "ok",
        "madt": "ok",
        "fadt": "ok",
        "mcfg": "ok",
        "oem_id": "BOCHS ",
        "hypervisor": "",
        "lapic": LAPIC,
        "cpu_enabled": 4,
        "cpu_possible": 4,
        "fadt_flags": 0x84A5,
        "reset_value": 0xF,
        "pm_timer_bits": 24,
        "rtc_century": 0x32,
        "dsdt": 0x1FFE0040,
        "reset": ["io", 0xCF9, 8],
        "sleep_control": NONE,
        "sleep_status": NONE,
        "pm1a_control": ["io", 0x604, 16],
        "pm1b_control": NONE,
        "pm_timer": ["io", 0x608, 32],
        "cpus": [[n, n, True] for n in range(4)],
        "ioapics": [[0, 0xFEC00000, 0]],
        "irqs": irqs,
        "segments": [[0xB0000000, 0, 0, 255]],
        "dsdt_state": "ok",
        "sleep_types": {"3": [1, 1], "4": [2, 2], "5": [0, 0]},
        "regions": {
            "PCST": ["io", 0xCC0, 8],
            "PRST": ["io", 0xCD8, 0xC],
            "HPTM": ["memory", 0xFED00000, 0x400],
        },
        "interrupts": {},
    }
    assert [entry[0] for entry in tables] == ["RSDT", "FACP", "APIC", "HPET", "MCFG", "DSDT"]


# RSDP and root table.


def nothing_but_root(state: str) -> dict[str, Any]:
    return {"root": state, "madt": "absent", "fadt": "absent", "mcfg": "absent", "tables": []}


def states(result: dict[str, Any]) -> dict[str, Any]:
    return {key: result[key] for key in nothing_but_root("")}


def test_without_rsdp_everything_is_absent(tmp_path: Path) -> None:
    assert states(parse(Image(entry=0), tmp_path)) == nothing_but_root("absent")


@pytest.mark.parametrize("at", [0, 7, 8, 12, 20, 27, 35])
def test_an_rsdp_with_a_wrong_byte_is_broken(at: int, tmp_path: Path) -> None:
    image = with_tables(madt())
    content = image.pieces[-1][1]
    wrong = content[:at] + bytes([content[at] ^ 0x40]) + content[at + 1 :]
    image.pieces[-1] = (0x1001, wrong)
    assert states(parse(image, tmp_path)) == nothing_but_root("broken")


@pytest.mark.parametrize("size", [0, 19, 20, 35])
def test_an_rsdp_cut_short_is_broken(size: int, tmp_path: Path) -> None:
    image = with_tables(madt())
    image.pieces[-1] = (0x1001, image.pieces[-1][1][:size])
    assert states(parse(image, tmp_path)) == nothing_but_root("broken")


@pytest.mark.parametrize("length", [0, 20, 35, 4097, 0x80000000, 0xFFFFFFFF])
def test_an_rsdp_of_impossible_length_is_broken(length: int, tmp_path: Path) -> None:
    image = with_tables(madt())
    content = image.pieces[-1][1]
    content = content[:20] + struct.pack("<I", length) + content[24:]
    image.pieces[-1] = (0x1001, acpi_images.with_checksum(content, 32))
    assert states(parse(image, tmp_path)) == nothing_but_root("broken")


def test_a_longer_rsdp_is_read(tmp_path: Path) -> None:
    image = with_tables(madt())
    content = image.pieces[-1][1]
    content = content[:20] + struct.pack("<I", 40) + content[24:] + b"more"
    image.pieces[-1] = (0x1001, acpi_images.with_checksum(content, 32))
    assert parse(image, tmp_path)["root"] == "ok"


def test_the_rsdt_serves_where_the_xsdt_is_broken(tmp_path: Path) -> None:
    image = Image(entry=0x1001)
    image.add(0x1001, rsdp(0x2001, 0x3001))
    image.add(0x2001, table(b"RSDT", struct.pack("<I", 0x4003)))
    image.add(0x3001, table(b"XSDT", struct.pack("<Q", 0x4003))[:-1] + b"?")
    image.add(0x4003, madt(lapic(0, 0)))
    result = parse(image, tmp_path)
    assert (result["root"], result["madt"]) == ("ok", "ok")
    assert result["tables"][0] == ["RSDT", 0x2001, 40, "ok"]


def test_the_xsdt_is_preferred_to_the_rsdt(tmp_path: Path) -> None:
    image = Image(entry=0x1001)
    image.add(0x1001, rsdp(0x2001, 0x3001))
    image.add(0x2001, table(b"RSDT", b""))
    image.add(0x3001, table(b"XSDT", struct.pack("<Q", 0x1_0000_4003)))
    image.add(0x1_0000_4003, madt(lapic(0, 0)))
    assert parse(image, tmp_path)["cpu_enabled"] == 1


def test_an_rsdt_is_no_xsdt(tmp_path: Path) -> None:
    image = Image(entry=0x1001)
    image.add(0x1001, rsdp(0, 0x2001))
    image.add(0x2001, table(b"RSDT", struct.pack("<II", 0x4003, 0)))
    image.add(0x4003, madt(lapic(0, 0)))
    assert states(parse(image, tmp_path)) == nothing_but_root("broken")


def test_half_an_entry_at_the_end_of_the_root_is_ignored(tmp_path: Path) -> None:
    image = Image(entry=0x1001)
    image.add(0x1001, rsdp(0, 0x2001))
    image.add(0x2001, table(b"XSDT", struct.pack("<QI", 0x4003, 0x4003)))
    image.add(0x4003, madt(lapic(0, 0)))
    assert len(parse(image, tmp_path)["tables"]) == 2


def test_tables_that_refer_to_themselves_and_each_other_end(tmp_path: Path) -> None:
    entries = [0x2001, 0x3001, 0x3001, 0x1001, 0, (1 << 64) - 1, (1 << 64) - 36, 0x2002]
    image = Image(entry=0x1001)
    image.add(0x1001, rsdp(0, 0x2001))
    image.add(0x2001, table(b"XSDT", struct.pack("<8Q", *entries)))
    # A FADT that says it is its own DSDT, and a RSDP among the tables.
    image.add(0x3001, acpi_images.fadt(x_dsdt=0x3001))
    result = parse(image, tmp_path, "PRST")
    assert (result["root"], result["fadt"], result["dsdt_state"]) == ("ok", "ok", "broken")


def test_no_more_than_1024_root_entries_are_looked_at(tmp_path: Path) -> None:
    image = Image(entry=0x1001)
    image.add(0x1001, rsdp(0, 0x2001))
    image.add(0x2001, table(b"XSDT", struct.pack("<Q", 0x9003) * 1025))
    image.add(0x9003, table(b"OEM0", b""))
    assert len(parse(image, tmp_path)["tables"]) == 1 + 1024


# Any table.


@pytest.mark.parametrize("signature", [b"APIC", b"FACP", b"MCFG"])
@pytest.mark.parametrize("at", [4, 9, 20, -1])
def test_a_table_with_a_wrong_byte_is_broken_and_the_others_serve(
    signature: bytes, at: int, tmp_path: Path
) -> None:
    image = acpi_images.cloud_hypervisor()
    index = find(image, signature)
    address, content = image.pieces[index]
    position = at % len(content)
    wrong = bytes([content[position] ^ 1])
    image.pieces[index] = (address, content[:position] + wrong + content[position + 1 :])
    result = parse(image, tmp_path)
    key = {b"APIC": "madt", b"FACP": "fadt", b"MCFG": "mcfg"}[signature]
    expected = {"madt": "ok", "fadt": "ok", "mcfg": "ok", key: "broken"}
    assert {name: result[name] for name in expected} == expected
    assert sorted(entry[3] for entry in result["tables"])[0] == "broken"


@pytest.mark.parametrize("length", [0, 35, 36, (16 << 20) + 1, 0xFFFFFFFF])
def test_a_table_of_impossible_length_is_broken(length: int, tmp_path: Path) -> None:
    image = with_tables(madt(lapic(0, 0)))
    change(image, b"APIC", 4, struct.pack("<I", length))
    result = parse(image, tmp_path)
    assert (result["madt"], result["cpu_possible"], result["lapic"]) == ("broken", 0, 0)


@pytest.mark.parametrize("signature", [b"APIC", b"FACP", b"MCFG"])
@pytest.mark.parametrize("body", [0, 1, 7])
def test_a_table_without_its_fixed_part_is_broken(
    signature: bytes, body: int, tmp_path: Path
) -> None:
    image = Image(entry=0x1001)
    image.add(0x1001, rsdp(0, 0x2001))
    image.add(0x2001, table(b"XSDT", struct.pack("<Q", 0x3003)))
    image.add(0x3003, table(signature, bytes(body)))
    result = parse(image, tmp_path)
    key = {b"APIC": "madt", b"FACP": "fadt", b"MCFG": "mcfg"}[signature]
    assert result[key] == "broken"


def test_tables_that_are_not_listed_are_absent(tmp_path: Path) -> None:
    result = parse(with_tables(table(b"OEM1", bytes(100))), tmp_path)
    assert (result["madt"], result["fadt"], result["mcfg"]) == ("absent", "ok", "absent")
    image = Image(entry=0x1001)
    image.add(0x1001, rsdp(0, 0x2001))
    image.add(0x2001, table(b"XSDT", struct.pack("<QQ", 0x3003, 1 << 52)))
    image.add(0x3003, madt())
    image.add(1 << 52, mcfg())  # No physical address.
    result = parse(image, tmp_path)
    assert (result["madt"], result["fadt"], result["mcfg"]) == ("ok", "absent", "absent")


def test_tables_without_entries_are_sound(tmp_path: Path) -> None:
    result = parse(with_tables(madt(), mcfg()), tmp_path)
    assert (result["madt"], result["mcfg"]) == ("ok", "ok")
    assert (result["cpus"], result["ioapics"], result["segments"]) == ([], [], [])
    assert result["lapic"] == LAPIC


def test_the_first_sound_table_of_a_kind_counts(tmp_path: Path) -> None:
    broken = madt(lapic(0, 1))[:-1] + b"?"
    image = with_tables(broken, madt(lapic(0, 2)), madt(lapic(0, 3)))
    assert parse(image, tmp_path)["cpus"] == [[2, 0, True]]


@pytest.mark.parametrize("size", [36, 43, 44, 1060, 1061, 1067, 2093, 70001])
def test_checksums_are_right_for_tables_of_any_length(size: int, tmp_path: Path) -> None:
    body = random.Random(size).randbytes(size - 36)
    good = [table(b"OEM1", body), table(b"OEM2", b"\xff" * (size - 36))]
    bad = good[0][:-1] + bytes([good[0][-1] ^ 0x80])
    result = parse(with_tables(*good, bad), tmp_path)
    assert [entry[3] for entry in result["tables"]] == ["ok"] * 4 + ["broken", "ok"]


def test_unprintable_names_do_not_reach_the_reader(tmp_path: Path) -> None:
    image = with_tables(table(b"\x1b[2J", b""), fadt={"hypervisor": b'a"\x07\x80\0zzz'})
    image.pieces[-1] = (0x1001, rsdp(0, image.pieces[-2][0], b"\x00\x1b\xff\n\r\t"))
    path = tmp_path / "image"
    path.write_bytes(image.encode())
    output = programs.run("probe_acpi", str(path)).stdout
    assert b'"hypervisor": "a"??"' in output
    assert b'"?[2J"' in output
    assert b'"oem_id": ""' in output
    assert not set(output) & (set(range(32)) - {10})


# MADT.


def test_cpus_of_both_kinds_are_listed_once_each(tmp_path: Path) -> None:
    structures = [
        lapic(1, 4),
        lapic(2, 0),
        x2apic(3, 0),  # Again, in the other form.
        x2apic(4, 300),
        x2apic(5, 7),
        lapic(6, 7),
        x2apic(7, 300),
        x2apic(8, 0xFFFFFFFE),
        x2apic(9, 255),
        x2apic(10, 256),
        x2apic(11, 256),
    ]
    result = parse(with_tables(madt(*structures)), tmp_path)
    assert result["cpus"] == [
        [4, 1, True],
        [0, 2, True],
        [300, 4, True],
        [7, 5, True],
        [0xFFFFFFFE, 8, True],
        [255, 9, True],
        [256, 10, True],
    ]


def test_cpus_that_cannot_be_used_are_left_out(tmp_path: Path) -> None:
    structures = [
        lapic(0, 0, flags=0),
        lapic(1, 0xFF),  # Broadcast.
        x2apic(2, 0xFFFFFFFF),
        x2apic(3, 3, flags=4),
        x2apic(4, 4, flags=2),
        x2apic(5, 300, flags=0),
        lapic(6, 6),
        x2apic(7, 300),
        lapic(8, 0),
    ]
    result = parse(with_tables(madt(*structures)), tmp_path)
    assert result["cpus"] == [[4, 4, False], [6, 6, True], [300, 7, True], [0, 8, True]]
    assert (result["cpu_enabled"], result["cpu_possible"]) == (3, 4)


def test_thousands_of_cpus_are_listed(tmp_path: Path) -> None:
    structures = [x2apic(n, 2 * n) for n in range(4000)]
    result = parse(with_tables(madt(*structures)), tmp_path)
    assert result["cpus"] == [[2 * n, n, True] for n in range(4000)]


def test_the_lapic_address_override_counts(tmp_path: Path) -> None:
    result = parse(with_tables(madt(lapic(0, 0), lapic_address(0x12_3456_7000))), tmp_path)
    assert result["lapic"] == 0x12_3456_7000


def test_several_ioapics_are_listed_and_one_without_address_is_not(tmp_path: Path) -> None:
    structures = [ioapic(0, 0xFEC00000, 0), ioapic(1, 0, 24), ioapic(2, 0xFEC01000, 24)]
    result = parse(with_tables(madt(*structures)), tmp_path)
    assert result["ioapics"] == [[0, 0xFEC00000, 0], [2, 0xFEC01000, 24]]


@pytest.mark.parametrize(
    ("flags", "meaning"),
    [
        (0x0, "edge high"),
        (0x5, "edge high"),
        (0xD, "level high"),
        (0xF, "level low"),
        (3, "edge low"),
    ],
)
def test_interrupt_flags(flags: int, meaning: str, tmp_path: Path) -> None:
    result = parse(with_tables(madt(override(7, 20, flags), override(7, 21, 0))), tmp_path)
    assert result["irqs"][7] == [20, meaning]
    assert result["irqs"][6] == [6, "edge high"]


def test_overrides_of_other_buses_are_ignored(tmp_path: Path) -> None:
    result = parse(with_tables(madt(override(7, 20, 0xF, bus=1))), tmp_path)
    assert result["irqs"][7] == [7, "edge high"]


@pytest.mark.parametrize(
    "bad",
    [
        b"\x00\x00" + bytes(6),  # No length: would never end.
        b"\x00\x01" + bytes(6),
        b"\x09\x10\x00",  # Longer than what is left.
        b"\x00",
    ],
)
def test_a_malformed_structure_ends_the_list(bad: bytes, tmp_path: Path) -> None:
    result = parse(with_tables(madt(lapic(0, 0), lapic(1, 1), bad)), tmp_path)
    assert result["cpus"] == [[0, 0, True], [1, 1, True]]


def test_structures_too_short_or_unknown_are_passed_over(tmp_path: Path) -> None:
    short = b"\x00\x07" + bytes(4) + b"\x01"
    unknown = b"\x7f\x05abc\x7f\x10" + b"\x01" * 14
    short_others = b"\x01\x08" + bytes(6) + b"\x02\x04\0\7" + b"\x09\x0f" + bytes(13)
    structures = [short, unknown, short_others, b"\x05\x02", lapic(3, 3), ioapic(9, 0x1000, 5)]
    result = parse(with_tables(madt(*structures)), tmp_path)
    assert result["cpus"] == [[3, 3, True]]
    assert result["ioapics"] == [[9, 0x1000, 5]]
    assert result["lapic"] == LAPIC


# MCFG.


def test_impossible_segments_are_passed_over(tmp_path: Path) -> None:
    segments = [
        (0xE8000000, 0, 0, 0),
        (0, 1, 0, 255),
        (0xE8000001, 2, 0, 255),
        ((1 << 52) - (1 << 20), 3, 0, 1),
        (0xFFFFFFFFFFFFF000, 4, 0, 255),
        (0xE0000000, 5, 8, 7),
        ((1 << 52) - (1 << 20), 6, 0, 0),
        (0x1_0000_0000, 0xFFFF, 255, 255),
    ]
    result = parse(with_tables(mcfg(*segments)), tmp_path)
    assert [segment[1] for segment in result["segments"]] == [0, 6, 0xFFFF]


def test_half_a_segment_at_the_end_is_ignored(tmp_path: Path) -> None:
    body = bytes(8) + struct.pack("<QHBBI", 0xE8000000, 0, 0, 0, 0) * 2
    result = parse(with_tables(table(b"MCFG", body[:-1])), tmp_path)
    assert len(result["segments"]) == 1


# FADT.


def parse_fadt(tmp_path: Path, **fields: Any) -> dict[str, Any]:
    return parse(with_tables(fadt=fields), tmp_path)


def test_a_reset_register_counts_only_with_its_flag(tmp_path: Path) -> None:
    reset = gas(SYSTEM_IO, 0xCF9, 8)
    result = parse_fadt(tmp_path, reset=reset, reset_value=6)
    assert (result["reset"], result["reset_value"]) == (NONE, 0)
    result = parse_fadt(tmp_path, reset=reset, reset_value=6, flags=RESET_REG_SUP)
    assert (result["reset"], result["reset_value"]) == (["io", 0xCF9, 8], 6)


@pytest.mark.parametrize(
    ("register", "expected"),
    [
        (gas(SYSTEM_MEMORY, 0xFED00000, 32), ["memory", 0xFED00000, 32]),
        (gas(SYSTEM_MEMORY, 0, 32), NONE),
        (gas(SYSTEM_MEMORY, (1 << 64) - 8, 32), NONE),
        (gas(SYSTEM_IO, 0, 8), NONE),
        (gas(SYSTEM_IO, 0x10000, 8), NONE),
        (gas(SYSTEM_IO, 0xFFFF, 8), ["io", 0xFFFF, 8]),
        (gas(2, 0x1234, 8), NONE),  # PCI configuration space: not supported.
        (gas(0x7F, 0x1234, 8), NONE),
    ],
)
def test_registers_that_cannot_be_reached_are_none(
    register: bytes, expected: list[Any], tmp_path: Path
) -> None:
    result = parse_fadt(tmp_path, reset=register, flags=RESET_REG_SUP)
    assert result["reset"] == expected


def test_a_hardware_reduced_machine_has_sleep_registers_and_no_pm1(tmp_path: Path) -> None:
    fields = {
        "pm1a": 0x604,
        "x_pm1b": gas(SYSTEM_IO, 0x700, 16),
        "sleep_control": gas(SYSTEM_IO, 0x600, 8),
        "sleep_status": gas(SYSTEM_IO, 0x601, 8),
    }
    result = parse_fadt(tmp_path, flags=HW_REDUCED, **fields)
    assert result["sleep_control"] == ["io", 0x600, 8]
    assert result["sleep_status"] == ["io", 0x601, 8]
    assert (result["pm1a_control"], result["pm1b_control"]) == (NONE, NONE)
    result = parse_fadt(tmp_path, flags=0, **fields)
    assert (result["sleep_control"], result["sleep_status"]) == (NONE, NONE)
    assert result["pm1a_control"] == ["io", 0x604, 16]
    assert result["pm1b_control"] == ["io", 0x700, 16]


def test_the_extended_form_of_a_register_is_preferred(tmp_path: Path) -> None:
    result = parse_fadt(tmp_path, pm_timer=0x408, x_pm_timer=gas(SYSTEM_MEMORY, 0xFED80808, 32))
    assert result["pm_timer"] == ["memory", 0xFED80808, 32]
    result = parse_fadt(tmp_path, pm_timer=0x408)
    assert result["pm_timer"] == ["io", 0x408, 32]
    assert parse_fadt(tmp_path, pm_timer=0x10000)["pm_timer"] == NONE


@pytest.mark.parametrize(("flags", "bits"), [(0, 24), (TMR_VAL_EXT, 32)])
def test_the_pm_timer_has_24_bits_unless_it_says_32(flags: int, bits: int, tmp_path: Path) -> None:
    assert parse_fadt(tmp_path, pm_timer=0x408, flags=flags)["pm_timer_bits"] == bits
    assert parse_fadt(tmp_path, flags=flags)["pm_timer_bits"] == 0


@pytest.mark.parametrize("size", [116, 127, 128, 129, 147, 148, 171, 220, 244, 268, 275, 276])
def test_fields_beyond_the_end_of_an_older_fadt_are_absent(size: int, tmp_path: Path) -> None:
    content = acpi_images.fadt(
        size,
        flags=RESET_REG_SUP | HW_REDUCED,
        dsdt=0x7001,
        x_dsdt=0x7005,
        reset=gas(SYSTEM_IO, 0xCF9, 8),
        reset_value=6,
        x_pm_timer=gas(SYSTEM_IO, 0x608, 32),
        sleep_status=gas(SYSTEM_IO, 0x600, 8),
        hypervisor=b"CLOUDHYP",
    )
    image = Image(entry=0x1001)
    image.add(0x1001, rsdp(0, 0x2001))
    image.add(0x2001, table(b"XSDT", struct.pack("<Q", 0x3003)))
    image.add(0x3003, content)
    result = parse(image, tmp_path)
    assert result["fadt"] == "ok"
    assert result["dsdt"] == (0x7005 if size >= 148 else 0x7001)
    assert (result["reset"] != NONE) == (size >= 128)
    assert result["reset_value"] == (6 if size >= 129 else 0)
    assert (result["pm_timer"] != NONE) == (size >= 220)
    assert (result["sleep_status"] != NONE) == (size >= 268)
    assert result["hypervisor"] == ("CLOUDHYP" if size >= 276 else "")


# DSDT.


def sleep_types(aml: bytes, tmp_path: Path) -> dict[str, list[int]]:
    types: dict[str, list[int]] = parse(with_tables(dsdt=aml), tmp_path)["sleep_types"]
    return types


@pytest.mark.parametrize("lead_bytes", [1, 2, 3, 4])
@pytest.mark.parametrize("name", [b"_S5_", b"\\_S5_", b"^_S5_"])
def test_a_sleep_package_of_any_length_form(name: bytes, lead_bytes: int, tmp_path: Path) -> None:
    aml = acpi_images.aml_sleep_package(name, [6, 1, 0, 0], lead_bytes)
    assert sleep_types(b"\x08abc" + aml + b"\x08", tmp_path) == {"5": [6, 1]}


@pytest.mark.parametrize(
    "element", [b"\x0a\x07", b"\x0b\x07\x00", b"\x0c\x07\0\0\0", b"\x0e\x07" + bytes(7)]
)
def test_sleep_types_in_any_integer_form(element: bytes, tmp_path: Path) -> None:
    assert sleep_types(b"\x08_S5_\x12\x10\x02" + element * 2, tmp_path) == {"5": [7, 7]}


def test_a_sleep_package_of_one_element_counts_for_both(tmp_path: Path) -> None:
    assert sleep_types(acpi_images.aml_sleep_package(b"_S5_", [5]), tmp_path) == {"5": [5, 5]}


@pytest.mark.parametrize(
    "aml",
    [
        b"_S5_\x12\x04\x02\x00\x00",  # A use of the name, not its definition.
        b"\x08_S5_\x12\x04\x00",
        b"\x08_S5_\x12\x06\x02\x0a\x08\x00",  # More than 7.
        b"\x08_S5_\x12\x06\x02\xff\xff",  # Ones.
        b"\x08_S5_\x12\x08\x02PKG0PKG1",
        b"\x08_S5_\x12\x06\x02\x0a",  # Cut short, here and below.
        b"\x08_S5_\x12\xc6\x02",
        b"\x08_S5_\x12\x06",
        b"\x08_S5_\x12",
        b"\x08_S5_",
        b"\x08_S5",
        b"\x08\\\\\\",
        b"\x08",
    ],
)
def test_what_is_no_sleep_package_is_not_taken_for_one(aml: bytes, tmp_path: Path) -> None:
    assert sleep_types(aml, tmp_path) == {}
    good = acpi_images.aml_sleep_package(b"_S5_", [5, 5])
    assert sleep_types(aml[:4] + good, tmp_path) == {"5": [5, 5]}


@pytest.mark.parametrize(
    "definition",
    [
        b"\x02\x0a\x10\x0a\x10",  # PCI configuration space.
        b"\x00\x0a\x10\x00",  # No length.
        b"\x00\x0a\x10NAME",
        b"\x01\x0b\xff\xff\x0a\x02",  # Beyond the last port.
        b"\x00\x0e" + b"\xff" * 8 + b"\x01",
        b"\x00\x0c\x00\x00",
        b"\x00",
        b"",
    ],
)
def test_what_is_no_constant_region_is_not_taken_for_one(definition: bytes, tmp_path: Path) -> None:
    aml = b"\x5b\x80TEST" + definition
    assert parse(with_tables(dsdt=aml), tmp_path, "TEST")["regions"] == {}
    aml += acpi_images.aml_region(b"\\TEST", SYSTEM_IO, 0xFFFE, 2)
    result = parse(with_tables(dsdt=aml), tmp_path, "TEST")
    assert result["regions"] == {"TEST": ["io", 0xFFFE, 2]}


@pytest.mark.parametrize("opcode", [b"\x5b\x81", b"\x5b\x00", b"\x00\x80", b"\x80\x5b"])
def test_other_definitions_of_that_name_are_no_region(opcode: bytes, tmp_path: Path) -> None:
    region = acpi_images.aml_region(b"TEST", SYSTEM_IO, 0x100, 8)
    aml = opcode + region[2:]
    assert parse(with_tables(dsdt=aml), tmp_path, "TEST")["regions"] == {}


@pytest.mark.parametrize("end", [b"\x5b", b"\x5b\x80", b"\x5b\x80TES", b"\x5b\x80TEST"])
def test_a_region_at_the_very_end_is_not_read_past_it(end: bytes, tmp_path: Path) -> None:
    assert parse(with_tables(dsdt=bytes(9) + end), tmp_path, "TEST")["regions"] == {}


def interrupts(aml: bytes, tmp_path: Path) -> dict[str, int]:
    found: dict[str, int] = parse(with_tables(dsdt=aml), tmp_path, "GED_")["interrupts"]
    return found


NAMES = [b"GED_", b"\\GED_", b"^^GED_", b"\x2e_SB_GED_", b"\\\x2e_SB_GED_", b"\x2f\x03_SB_PCI0GED_"]


@pytest.mark.parametrize("name", NAMES)
def test_the_interrupt_of_a_device_by_any_form_of_its_name(name: bytes, tmp_path: Path) -> None:
    resources = acpi_images.aml_resources(acpi_images.interrupt(0x12345678, 9))
    other = acpi_images.aml_device(
        b"\x2e_SB_COM1", acpi_images.aml_resources(acpi_images.interrupt(4))
    )
    aml = other + acpi_images.aml_device(name, b"\x08_UID\0" + resources) + other
    assert interrupts(b"\x5b" + aml, tmp_path) == {"GED_": 0x12345678}


@pytest.mark.parametrize(
    "name", [b"XGED_", b"\x2eGED__SB_", b"\x2f\x00GED_", b"\x2f\x02GED_", b"GED"]
)
def test_devices_of_other_names_have_other_interrupts(name: bytes, tmp_path: Path) -> None:
    resources = acpi_images.aml_resources(acpi_images.interrupt(13))
    assert interrupts(acpi_images.aml_device(name, resources), tmp_path) == {}


@pytest.mark.parametrize(
    "descriptor",
    [
        b"",
        acpi_images.interrupt(),
        b"\x89\x05\0\x03\x01\x0d\0\0\0",  # Too short to have one.
        b"\x88\x06\0\x03\x01\x0d\0\0\0",
        acpi_images.interrupt(13)[:-1],
        acpi_images.interrupt(13)[:1],
    ],
)
def test_what_is_no_interrupt_is_not_taken_for_one(descriptor: bytes, tmp_path: Path) -> None:
    device = acpi_images.aml_device(b"GED_", descriptor)
    assert interrupts(device, tmp_path) == {}
    # What stands behind the device is not its own.
    assert interrupts(device + acpi_images.interrupt(13)[len(descriptor) :], tmp_path) == {}
    again = device + acpi_images.aml_device(b"GED_", acpi_images.interrupt(7))
    assert interrupts(again, tmp_path) == {"GED_": 7}


@pytest.mark.parametrize("size", range(1, 30))
def test_a_device_cut_short_has_no_interrupt(size: int, tmp_path: Path) -> None:
    device = acpi_images.aml_device(b"\x2e_SB_GED_", acpi_images.interrupt(13))
    found = interrupts(device[:size], tmp_path)
    assert found == ({"GED_": 13} if size >= len(device) else {})


def test_a_missing_or_broken_dsdt_is_said_to_be(tmp_path: Path) -> None:
    image = acpi_images.cloud_hypervisor()
    change(image, b"DSDT", 40, b"\xaa")
    result = parse(image, tmp_path, "PCST")
    assert (result["dsdt_state"], result["sleep_types"], result["regions"]) == ("broken", {}, {})
    assert parse(with_tables(fadt={"x_dsdt": 0}), tmp_path)["dsdt_state"] == "absent"
    assert parse(with_tables(fadt={"x_dsdt": 0x99999999}), tmp_path)["dsdt_state"] == "broken"
