# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""guest.lspci(): what it tells of the PCI devices is what they and their VMM say."""

from pathlib import Path
from typing import Any

import pytest

from tests.guest.conftest import Boot
from tools.guest import Guest
from tools.vmm.disk import Disk


@pytest.fixture
def looking(boot: Boot, tmp_path: Path) -> Guest:
    """A machine of 2 CPUs with two disks, which nobody has used."""
    disks = []
    for index in range(2):
        path = tmp_path / f"{index}.img"
        path.write_bytes(bytes(1 << 20))
        disks.append(Disk(path, num_queues=index + 1))
    guest = boot(disks=disks, cpus=2)
    guest.wait_for_prompt()
    guest.output_of("import guest, machine")
    return guest


def rows(guest: Guest, expression: str) -> list[Any]:
    found: list[Any] = guest.eval(f"[tuple(row) for row in {expression}]")
    return found


def of_disk(guest: Guest, index: int) -> str:
    """Its record, as an expression."""
    functions = rows(guest, "guest.lspci()")
    (address,) = [row[0] for row in functions if row[3] == f"disk{index}"]
    return f"guest.lspci({address!r})"


def test_all_functions_are_listed(looking: Guest) -> None:
    functions = rows(looking, "guest.lspci()")
    assert [row[0] for row in functions] == sorted(row[0] for row in functions)
    bridge = {"qemu": ("8086:29c0", "host bridge of a q35")}
    default = ("8086:0d57", "host bridge of Cloud Hypervisor")
    assert functions[0] == ("00:00.0", *bridge.get(looking.vmm.name, default), None)
    virtio = [row[1:] for row in functions if row[1].startswith("1af4:")]
    assert virtio == [
        ("1af4:1042", "virtio block device", "disk0"),
        ("1af4:1042", "virtio block device", "disk1"),
        ("1af4:1044", "virtio entropy source", None),
    ]
    text = looking.output_of("print(guest.lspci())").splitlines()
    assert text[0].split() == ["address", "id", "what", "driver"]
    assert len(text) == 1 + len(functions)


def test_who_uses_a_device_is_its_driver(looking: Guest) -> None:
    looking.output_of("guest.random()")
    assert [row[3] for row in rows(looking, "guest.lspci()")].count("rng") == 1


def test_interrupts_are_those_of_the_table(looking: Guest) -> None:
    vectors = []
    for index in range(2):
        entries = rows(looking, f"{of_disk(looking, index)}.interrupts")
        used = [entry for entry in entries if not entry[3]]
        # One for changes of the configuration, one for each queue.
        assert [entry[0] for entry in used] == list(range(index + 2))
        assert {entry[4] for entry in used} == {f"disk{index}"}
        assert all(entry[1:] == (None, None, True, None) for entry in entries if entry[3])
        vectors += [entry[1] for entry in used]
    assert len(set(vectors)) == len(vectors)
    assert all(32 <= vector < 255 for vector in vectors)


def test_interrupts_of_all_queues_are_counted(looking: Guest) -> None:
    count = "guest.interrupts()"
    before = dict(rows(looking, count))
    looking.output_of(
        "import _thread, time\n"
        "ended = []\n"
        "def run():\n"
        "    d = machine.Disk(1); b = bytearray(512)\n"
        "    for _ in range(50): d.readblocks(0, b)\n"
        "    ended.append(0)\n"
        "for _ in range(2): _thread.start_new_thread(run, ())\n"
        "while len(ended) < 2: time.sleep_ms(1)"
    )
    after = dict(rows(looking, count))
    assert 50 <= after["disk1"] - before["disk1"] <= 100
    assert after["disk0"] == before["disk0"]


def test_structures_lie_where_it_says(looking: Guest) -> None:
    record = of_disk(looking, 1)
    bars = rows(looking, f"{record}.bars")
    assert all(bits in (32, 64) and address >> 20 for _, address, bits, _ in bars)
    structures = {row[1]: row[2:] for row in rows(looking, f"{record}.capabilities")}
    assert {"virtio common", "virtio notify", "virtio device", "MSI-X"} <= set(structures)
    # num_queues of the common configuration (virtio 1.2, 4.1.4.3), the capacity of a block device.
    common, device = structures["virtio common"][0], structures["virtio device"][0]
    assert looking.eval(f"guest.peek({common} + 0x12, 2)") == 2
    assert looking.eval(f"guest.peek({device}, 4)") == (1 << 20) // 512
    assert structures["virtio common"][1] >= 56
    entries = looking.eval(f"len({record}.interrupts)")
    assert structures["MSI-X"][1] == 16 * entries >= 16 * 3
    text = looking.output_of(f"print({record})")
    assert "\nwhat" in text
    assert "capabilities:\n  offset  what" in text


def test_what_is_not_there_is_an_error(looking: Guest) -> None:
    for address in ("'00:1e.0'", "'0'", "5", "''"):
        assert looking.exec(f"guest.lspci({address})")[1].endswith("no such function\n")


@pytest.mark.machine(cmdline="acpi=off")
def test_without_acpi_they_are_found_by_ports(guest: Guest) -> None:
    guest.output_of("import guest")
    assert rows(guest, "guest.lspci()")[0][0] == "00:00.0"
