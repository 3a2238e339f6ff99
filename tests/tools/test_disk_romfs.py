# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The task `disk` with a ROMFS, in all of an image or in a partition: only read."""

from pathlib import Path

from tests.tools.disks import disk, get_from, listed, make, tree
from tools.disk.create import Wish
from tools.romfs import MAGIC, make_romfs

MIB = 1 << 20
FILES = {"main.py": b"print(1)\n", "empty": b"", "lib/größe.bin": bytes(range(256)) * 20}
LISTED = {"/main.py": 9, "/empty": 0, "/lib": -1, "/lib/größe.bin": 5120}


def romfs(tmp_path: Path) -> Path:
    path = tmp_path / "app.romfs"
    path.write_bytes(make_romfs(FILES))
    return path


def test_it_is_listed_and_read(tmp_path: Path) -> None:
    path = romfs(tmp_path)
    assert listed(path) == LISTED
    out = get_from(path, "/", tmp_path / "out")
    assert tree(out) == {**FILES, "lib": None}
    assert get_from(path, "/lib/größe.bin", tmp_path / "one").read_bytes() == bytes(range(256)) * 20
    shown = disk("check", path)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout == f"{path}: ROMFS; {path.stat().st_size:,} bytes, 0 free\nsound: 3 files\n"
    assert "größe.bin" in disk("ls", path, "/lib").stdout


def test_it_may_be_in_a_partition(tmp_path: Path) -> None:
    path = make(tmp_path / "disk.img", Wish(4 * MIB, table="gpt"))
    with path.open("r+b") as file:
        file.seek(MIB)
        file.write(make_romfs(FILES))
    assert listed(path) == LISTED


def test_nothing_is_written(tmp_path: Path) -> None:
    path = romfs(tmp_path)
    (tmp_path / "new").write_text("new")
    before = path.read_bytes()
    done = disk("put", path, tmp_path / "new")
    assert done.returncode == 2 and "A ROMFS is only read." in done.stderr
    assert path.read_bytes() == before


def test_damage_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x"
    whole = make_romfs(FILES)
    for content, said in [
        (whole.replace(b"print", b"prunt"), "its checksum is wrong"),
        (whole[:-1], "it is cut short"),
        (MAGIC + b"\xff" * 20, "it is cut short"),
        (MAGIC + b"\x06\x05\x04\x03a/b", "a name in it is no file name"),
    ]:
        path.write_bytes(content)
        done = disk("check", path)
        assert done.returncode == 1 and done.stderr == f"disk: The ROMFS is damaged: {said}.\n"
    with path.open("wb") as file:  # 1 TiB.
        file.write(MAGIC + b"\xa0\x80\x80\x80\x80\x00")
        file.truncate(2 << 40)
    done = disk("ls", path)
    assert done.returncode == 2 and "is more than this task reads" in done.stderr
