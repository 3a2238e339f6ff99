# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The `disk` task as it is typed: what it prints, one line for each error, and locks."""

import fcntl
import os
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.tools.disks import disk, files_of, listed, make, mkfs, plant, tree
from tools.disk.create import Wish
from tools.disk.image import open_image, parse_size
from tools.errors import UserError


def test_a_first_image(tmp_path: Path) -> None:
    plant(tmp_path / "app")
    made = disk("create", "d.img", "--size", "8M", "--from", "app", directory=tmp_path)
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("d.img: littlefs, blocks of 4,096 bytes; 8,388,608 bytes, ")
    (tmp_path / "test").write_text("named as a task is")
    put = disk("put", "d.img", "test", "app", ":/lib/", directory=tmp_path)
    assert (put.returncode, put.stdout, put.stderr) == (0, "", "")
    shown = disk("ls", "d.img", "/lib", directory=tmp_path).stdout
    assert "/lib/test " in shown and "/lib/app/sub/ " in shown and "300,000" in shown
    assert disk("get", "d.img", ":/lib/test", "out", directory=tmp_path).returncode == 0
    assert (tmp_path / "out").read_text() == "named as a task is"
    checked = disk("check", "d.img", directory=tmp_path)
    assert checked.returncode == 0 and checked.stdout.endswith(
        f"sound: {2 * files_of(tmp_path / 'app') + 1} files\n"
    )


@pytest.mark.parametrize("table", ["none", "mbr", "gpt"])
def test_fat_is_checked_by_fsck(tmp_path: Path, table: str) -> None:
    image = make(tmp_path / "d.img", Wish(8 << 20, "fat", "boot", table), plant(tmp_path / "app"))
    checked = disk("check", image)
    assert checked.returncode == 0 and "label BOOT" in checked.stdout
    content = image.read_bytes()
    with open_image(image, write=True) as area:
        # Of the second file: it is longer than its clusters.
        at = content.index(b"EMPTY~1 ") if b"EMPTY~1 " in content else content.index(b"README  ")
        area.write(at + 28, b"\xff\xff\x00\x00")
    checked = disk("check", image)
    assert checked.returncode == 1
    assert "damaged, as fsck.fat says:" in checked.stdout and "Traceback" not in checked.stderr


def test_three_tebibytes_are_quick(tmp_path: Path) -> None:
    begin = time.monotonic()
    image = make(tmp_path / "d.img", Wish(3 << 40), plant(tmp_path / "app"))
    assert time.monotonic() - begin < 20
    assert image.stat().st_size == 3 << 40
    assert image.stat().st_blocks * 512 < 8 << 20
    assert len(listed(image)) == len(tree(tmp_path / "app"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ls none.img", "none.img does not exist"),
        ("ls .", ". is no disk image"),
        ("ls text", "neither FAT, littlefs nor ROMFS"),
        ("ls empty", "neither FAT, littlefs nor ROMFS"),
        ("ls d.img /none", "has no /none"),
        ("ls d.img /../a", "`..` cannot be"),
        ("ls d.img / /", "what is '/'"),
        ("ls d.img --partition-number 1", "no partitions"),
        ("ls d.img --partition-number x", "--partition-number 'x' is not right"),
        ("ls d.img --size 3M", "disk ls has no --size"),
        ("get d.img", "one path is needed"),
        ("get d.img /none", "has no /none"),
        ("put d.img", "no file is named"),
        ("put d.img none", "none does not exist"),
        ("put d.img .", "cannot hold itself"),
        ("create d.img --size 1M", "d.img exists"),
        ("create n.img", "how large?"),
        ("create n.img --size 1X", "--size '1X' is not right"),
        ("create n.img --size 1000", "a multiple of 512"),
        ("create n.img --size 1M --fs ext4", "--fs 'ext4'"),
        ("create n.img --size 1M --partition bsd", "--partition 'bsd'"),
        ("create n.img --size 1M --label x", "littlefs has no label"),
        ("create n.img --size 1M --fs fat --label much-too-long", "11 characters"),
        ("create n.img --size 1M --block-size 1000", "no power of two"),
        ("create n.img --size 1M --block-size 64", "--block-size '64' is not right"),
        ("create n.img --size 1M --fs fat --block-size 512", "is for littlefs"),
        ("create n.img --size 1M --from none", "no such directory"),
        ("create n.img --size 1M --from .", "cannot hold itself"),
        ("create n.img --size 1K --fs fat", "too small for FAT"),
        ("create n.img --size 3T --fs fat", "FAT reaches 2 TiB"),
        ("create none/n.img --size 1M", "none/n.img cannot be made"),
        ("create . --size 1M", ". is no file"),
        ("make d.img", "no action 'make'"),
    ],
)
def test_each_error_is_one_line(tmp_path: Path, line: str, said: str) -> None:
    make(tmp_path / "d.img", Wish(1 << 20))
    (tmp_path / "text").write_text("text\n" * 10_000)
    (tmp_path / "empty").write_text("")
    before = sorted(tmp_path.iterdir())
    done = disk(*line.split(), directory=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1 and said in done.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_an_image_is_replaced_when_told_to(tmp_path: Path) -> None:
    image = make(tmp_path / "d.img", Wish(1 << 20))
    assert disk("create", image, "--size", "2M", "--force").returncode == 0
    assert image.stat().st_size == 2 << 20
    full = disk("create", image, "--size", "1M", "--force", "--from", plant(tmp_path / "app"))
    assert full.returncode == 0
    (tmp_path / "app" / "large").write_bytes(bytes(1 << 20))
    full = disk("create", image, "--size", "512K", "--force", "--from", tmp_path / "app")
    assert full.returncode == 1 and "/large is the first that does not fit" in full.stderr
    assert image.stat().st_size == 1 << 20


@contextmanager
def locked(path: Path, kind: int) -> Iterator[None]:
    """As Cloud Hypervisor locks: the open file, all of it; for reading where it only reads."""
    with path.open("r+b") as file:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", kind, os.SEEK_SET, 0, 0, 0))
        yield


def test_an_image_that_a_vm_writes(tmp_path: Path) -> None:
    image = make(tmp_path / "d.img", Wish(1 << 20))
    (tmp_path / "file").write_text("")
    with locked(image, fcntl.F_WRLCK):
        for line in (["ls"], ["check"], ["get", "/"], ["put", "file"]):
            done = disk(line[0], image, *line[1:], directory=tmp_path)
            assert done.returncode == 2 and "is locked: a virtual machine" in done.stderr
        forced = disk("create", image, "--size", "1M", "--force")
        assert forced.returncode == 2 and "is locked" in forced.stderr


def test_an_image_that_a_vm_only_reads(tmp_path: Path) -> None:
    image = make(tmp_path / "d.img", Wish(1 << 20))
    with locked(image, fcntl.F_RDLCK):
        assert listed(image) == {}
        with pytest.raises(UserError, match="is locked"), open_image(image, write=True):
            pass


@pytest.mark.parametrize("read_only", ["on", "off"])
def test_an_image_that_qemu_has(tmp_path: Path, read_only: str) -> None:
    image = mkfs(tmp_path / "d.img", 1 << 20)
    command = ["qemu-system-x86_64", "-machine", "q35", "-nodefaults", "-display", "none", "-S"]
    command += ["-monitor", "stdio"]
    command += ["-drive", f"file={image},format=raw,if=none,id=d,read-only={read_only}"]
    command += ["-device", "virtio-blk-pci,drive=d"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, bufsize=0) as qemu:
        try:
            assert qemu.stdin is not None and qemu.stdout is not None
            qemu.stdin.write(b"info status\n")
            # It answers once all is set up.
            assert any(b"VM status: paused" in line for line in qemu.stdout)
            if read_only == "on":
                assert listed(image) == {}
            else:
                with pytest.raises(UserError, match="is locked"):
                    listed(image)
            with pytest.raises(UserError, match="is locked"), open_image(image, write=True):
                pass
        finally:
            qemu.kill()


def test_sizes() -> None:
    assert parse_size("size", "512") == 512
    assert parse_size("size", "64m") == 64 << 20
    assert parse_size("size", "3T") == 3 << 40
    for text in ("", "0", "-1", "1.5M", "513", "9999999T", "٣M", "64MB"):
        with pytest.raises(UserError):
            parse_size("size", text)
