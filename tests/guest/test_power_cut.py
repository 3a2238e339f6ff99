# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""A power cut: the VMM is killed while the guest writes. What was flushed is in the image."""

import os
from pathlib import Path

import pytest

from tests.guest.conftest import Boot
from tools.vmm.disk import Disk

TIB = 1 << 40
WRITER = """
import machine
disk = machine.Disk(0)
for number in range(1, 100000):
    disk.writeblocks(number, number.to_bytes(8, 'little') * (disk.sector_size // 8))
    disk.flush()
    print(number)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "x.img"
    path.touch()
    os.truncate(path, 3 * TIB)
    return path


@pytest.mark.parametrize(
    "sector_size", [512, pytest.param(4096, marks=pytest.mark.only_on("qemu", "nested"))]
)
def test_what_was_flushed_is_in_the_image(boot: Boot, path: Path, sector_size: int) -> None:
    guest = boot(disks=[Disk(path, sector_size=sector_size)])
    guest.wait_for_prompt()
    guest.repl.enter(guest.timeout)
    guest.write(WRITER.encode() + b"\x04")
    guest.read_until(b"\r\n40\r\n")
    guest.stop()
    told = int(guest.output.split()[-2])
    with path.open("rb") as image:
        for number in range(1, told + 1):
            image.seek(number * sector_size)
            assert image.read(sector_size) == number.to_bytes(8, "little") * (sector_size // 8)


def test_disk_goes_on_where_it_was(boot: Boot, path: Path) -> None:
    write = "import machine; d = machine.Disk(0); d.writeblocks(d.size // 512 - 1, b'end!' * 128)"
    guest = boot(disks=[Disk(path)])
    guest.wait_for_prompt()
    guest.output_of(write)
    # Written is enough for this: no host has lost its memory.
    guest.stop()
    guest = boot(disks=[Disk(path, readonly=True)])
    guest.wait_for_prompt()
    read = "import machine; d = machine.Disk('x.img', readonly=True); b = bytearray(512)"
    assert guest.output_of(f"{read}; d.readblocks(d.size // 512 - 1, b); print(b[-4:])") == (
        "bytearray(b'end!')\n"
    )
