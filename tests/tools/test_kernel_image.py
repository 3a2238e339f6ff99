# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What is refused as a kernel, and what is said about it."""

import struct
import subprocess
from pathlib import Path

import pytest

from tests.guests import build_guest
from tools.errors import UserError
from tools.vmm.base import parse_size
from tools.vmm.kernel_image import check_kernel

MEMORY = 64 << 20


@pytest.fixture
def halt(tmp_path: Path) -> Path:
    return build_guest("halt", tmp_path)


def refused(path: Path, memory: int = MEMORY) -> str:
    with pytest.raises(UserError) as caught:
        check_kernel(path, memory)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_pvh_file_is_accepted(halt: Path) -> None:
    check_kernel(halt, MEMORY)


def test_linux_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "vmlinuz"
    path.write_bytes(bytes(0x202) + b"HdrS" + bytes(100))
    check_kernel(path, MEMORY)


def test_file_that_is_missing(tmp_path: Path) -> None:
    assert "cannot be read" in refused(tmp_path / "none")


@pytest.mark.parametrize("content", [b"", b"MZ", b"\x7fELF", b"\x7fELF\x02\x01\x01" + bytes(100)])
def test_file_that_is_no_elf(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    refused(path)


def test_truncated_file(halt: Path) -> None:
    for size in (20, 64, 80, 120, 170, 178, 198):
        halt.with_suffix(".cut").write_bytes(halt.read_bytes()[:size])
        refused(halt.with_suffix(".cut"))


def test_elf_of_32_bits(tmp_path: Path) -> None:
    path = tmp_path / "small"
    command = ["gcc", "-m32", "-nostdlib", "-static", "-xassembler", "/dev/null", "-o", str(path)]
    subprocess.run(command, check=True, timeout=60, stderr=subprocess.DEVNULL)
    assert "64-bit" in refused(path)


def test_ordinary_program_has_no_pvh_entry(tmp_path: Path) -> None:
    path = tmp_path / "program"
    (tmp_path / "main.c").write_text("int main(void) { return 0; }\n")
    subprocess.run(["gcc", "-o", path, tmp_path / "main.c"], check=True, timeout=60)
    assert "PVH" in refused(path)


def test_note_of_another_name(halt: Path) -> None:
    halt.write_bytes(halt.read_bytes().replace(b"Xen\0", b"Zen\0"))
    assert "PVH" in refused(halt)


def test_note_that_lies_about_its_sizes(halt: Path) -> None:
    data = halt.read_bytes()
    note = data.index(b"Xen\0") - 12
    for name_size, value_size in ((0xFFFFFFFF, 4), (4, 0xFFFFFFFF), (0, 0), (4, 0)):
        sizes = struct.pack("<II", name_size, value_size)
        halt.write_bytes(data[:note] + sizes + data[note + 8 :])
        if (name_size, value_size) != (4, 0xFFFFFFFF):
            assert "PVH" in refused(halt)


def test_machine_without_enough_memory(halt: Path) -> None:
    assert "--memory 2M" in refused(halt, 1 << 20)


@pytest.mark.parametrize(
    ("text", "size"), [("4096", 4096), ("4096K", 4 << 20), ("512M", 512 << 20), ("4G", 4 << 30)]
)
def test_memory_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "0", "0M", "M", "-1M", "1.5G", "512MB", "512 M", "1T", "٣M"])
def test_what_is_no_memory_size(text: str) -> None:
    with pytest.raises(UserError, match="not a memory size"):
        parse_size(text)
