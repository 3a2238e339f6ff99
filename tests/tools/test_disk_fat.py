# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""FAT as others make it, names that it does not take, and damage."""

import random
import struct
import subprocess
from pathlib import Path

import pytest

from tests.tools.disks import (
    FAT_12,
    FAT_16,
    FAT_32,
    fsck,
    get_from,
    listed,
    make,
    mkfs,
    opened,
    plant,
    put_into,
    tree,
)
from tools.disk import fat_names
from tools.disk.create import Wish
from tools.disk.fat_layout import read_geometry
from tools.disk.filesystem import Broken, DiskFull
from tools.disk.image import open_image
from tools.errors import UserError


@pytest.mark.parametrize(
    ("size", "options", "kind"),
    [
        (FAT_12, ["-F", "12"], "FAT12"),
        (FAT_12, ["-F", "12", "-s", "1", "-f", "1", "-r", "512"], "FAT12"),
        (FAT_16, ["-F", "16"], "FAT16"),
        (FAT_16, ["-F", "16", "-S", "2048", "-s", "1"], "FAT16"),
        (FAT_32, ["-F", "32", "-s", "1"], "FAT32"),
        (FAT_32 * 8, ["-F", "32", "-S", "4096"], "FAT32"),
    ],
)
def test_images_of_mkfs(tmp_path: Path, size: int, options: list[str], kind: str) -> None:
    source = plant(tmp_path / "source")
    image = mkfs(tmp_path / "disk.img", size, *options, "-n", "A LABEL")
    with opened(image) as filesystem:
        assert (filesystem.kind, filesystem.label) == (kind, "A LABEL")
    put_into(image, source)
    fsck(image)
    assert tree(get_from(image, "/source", tmp_path / "out")) == tree(source)


def test_free_is_what_fsck_counts(tmp_path: Path) -> None:
    image = make(tmp_path / "disk.img", Wish(FAT_16, "fat"), plant(tmp_path / "source"))
    done = subprocess.run(
        ["/usr/sbin/fsck.fat", "-n", str(image)], capture_output=True, text=True, check=True
    )
    used, clusters = map(int, done.stdout.split()[-2].split("/"))
    with opened(image) as filesystem:
        assert filesystem.free == (clusters - used) * filesystem.unit


@pytest.mark.parametrize(
    "name",
    ["a:b", "a?", "*", 'q"', "a|b", "<", "back\\slash", "tab\t", "dot.", "space ", "x" * 256],
)
def test_names_that_fat_does_not_take(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="FAT takes"):
        fat_names.check(name)


def test_case_does_not_tell_names_apart(tmp_path: Path) -> None:
    image = make(tmp_path / "disk.img", Wish(FAT_12, "fat"))
    source = tmp_path / "source"
    source.mkdir()
    (source / "Read.me").write_text("1")
    put_into(image, source / "Read.me")
    (source / "READ.ME").write_text("2")
    put_into(image, source / "READ.ME")
    assert listed(image) == {"/Read.me": 1}
    assert get_from(image, "/rEAD.mE", tmp_path / "out").read_text() == "2"
    with pytest.raises(UserError, match="would have one name on FAT12"):
        put_into(image, source)


def test_short_names_are_told_apart() -> None:
    used: set[bytes] = set()
    numbers: dict[str, int] = {}
    names = [f"the same begin {n}.text" for n in range(2000)] + [
        "é.txt",
        "a.b.c",
        ".x",
        "no dot at",
    ]
    shorts = [fat_names.short_name(name, numbers, used)[0] for name in names]
    assert len(set(shorts)) == len(names) == len(used)
    assert shorts[0] == b"THESAM~1TEX" and shorts[9] == b"THESA~10TEX"
    assert fat_names.short_name("FITS.TXT", {}, set()) == (b"FITS    TXT", True)
    assert fat_names.short_name("fits.txt", {}, set()) == (b"FITS~1  TXT", False)


@pytest.mark.parametrize("length", [1, 12, 13, 14, 26, 39, 255])
def test_long_names_are_read_as_written(length: int) -> None:
    name = ("日本語" * 85)[:length]
    raw = fat_names.long_entries(name, b"ABCDEFGHTXT")
    entries = [raw[at : at + 32] for at in range(0, len(raw), 32)]
    assert all(map(fat_names.is_long, entries))
    assert fat_names.name_of(b"ABCDEFGHTXT" + bytes(21), entries) == name
    # Another program renamed it, and did not know long names.
    assert fat_names.name_of(b"OTHER   TXT" + bytes(21), entries) == "OTHER.TXT"
    assert fat_names.name_of(b"ABCDEFGHTXT" + bytes(21), entries[1:]) == "ABCDEFGH.TXT"


def test_the_fixed_root_directory_fills_up(tmp_path: Path) -> None:
    image = make(tmp_path / "disk.img", Wish(FAT_16, "fat"))
    source = tmp_path / "source"
    source.mkdir()
    for number in range(300):
        (source / f"{number} has a long name").write_text("")
    with pytest.raises(DiskFull, match="root directory is full"):
        put_into(image, *source.iterdir())
    assert listed(image) == {}


def test_holes_of_deleted_files_are_used_again(tmp_path: Path) -> None:
    """By a program that knows nothing of our ways: the entries are marked here as it would."""
    image = make(tmp_path / "disk.img", Wish(FAT_12, "fat"))
    for name in ("FIRST", "SECOND", "a long name of the third"):
        (tmp_path / name).write_text("")
        put_into(image, tmp_path / name)
    with open_image(image, write=True) as area:
        geometry = read_geometry(area)
        assert geometry is not None
        area.write(geometry.root_at + 32, b"\xe5")
    assert set(listed(image)) == {"/FIRST", "/a long name of the third"}
    (tmp_path / "FOURTH").write_text("4")
    put_into(image, tmp_path / "FOURTH")
    with open_image(image, write=False) as area:
        assert area.read(geometry.root_at + 32, 11) == b"FOURTH     "
    fsck(image)


def test_all_copies_of_the_table_are_alike(tmp_path: Path) -> None:
    image = make(tmp_path / "disk.img", Wish(1 << 30, "fat"), plant(tmp_path / "source"))
    with open_image(image, write=False) as area:
        geometry = read_geometry(area)
        assert geometry is not None and geometry.bits == 32
        tables = [
            area.read(geometry.table_at + number * geometry.table_size, geometry.table_size)
            for number in range(2)
        ]
        free = struct.unpack("<I", area.read(geometry.fsinfo_at + 488, 4))[0]
    assert tables[0] == tables[1]
    with opened(image) as filesystem:
        assert filesystem.free == free * filesystem.unit


def damaged(tmp_path: Path, offset: int, content: bytes) -> Path:
    """An image with two directories, b in a; the entry of a is the first in the root."""
    source = tmp_path / "source"
    (source / "A" / "B").mkdir(parents=True)
    (source / "FILE").write_bytes(b"x" * 5000)
    image = make(tmp_path / "disk.img", Wish(FAT_12, "fat"), source)
    with open_image(image, write=True) as area:
        geometry = read_geometry(area)
        assert geometry is not None
        area.write(
            (geometry.root_at if offset >= 0 else geometry.table_at + 1024) + offset, content
        )
    return image


@pytest.mark.parametrize(
    ("offset", "content"),
    [
        (32 + 26, b"\xff\x0e"),  # The file begins beyond the end,
        (32 + 26, b"\x00\x00"),  # nowhere,
        (32 + 28, b"\xff\xff\xff\x00"),  # or has more bytes than clusters.
        (26, b"\x00\x00"),  # The directory is the root,
        (32 + 11, b"\x10"),  # or a file that is a directory now.
    ],
)
def test_damage_is_found(tmp_path: Path, offset: int, content: bytes) -> None:
    image = damaged(tmp_path, offset, content)
    with pytest.raises(Broken), opened(image) as filesystem:
        for entry in filesystem.walk():
            if not entry.is_directory:
                list(filesystem.read(entry.path))


def test_directories_in_a_circle_end(tmp_path: Path) -> None:
    image = make(tmp_path / "disk.img", Wish(FAT_12, "fat"))
    (tmp_path / "A" / "B").mkdir(parents=True)
    put_into(image, tmp_path / "A")
    with open_image(image, write=True) as area:
        geometry = read_geometry(area)
        assert geometry is not None
        first = area.read(geometry.root_at + 26, 2)
        inside = geometry.cluster_at(int.from_bytes(first, "little"))
        area.write(inside + 64 + 26, first)  # B is A.
    with pytest.raises(Broken, match="not where it says"):
        listed(image)


@pytest.mark.parametrize("size", [FAT_12, FAT_16, FAT_32])
def test_no_damage_does_more_than_be_refused(tmp_path: Path, size: int) -> None:
    image = mkfs(tmp_path / "disk.img", size, *(["-F", "32", "-s", "1"] if size == FAT_32 else []))
    put_into(image, plant(tmp_path / "source"))
    with open_image(image, write=False) as area:
        geometry = read_geometry(area)
        assert geometry is not None
    end = geometry.data_at + 60 * geometry.cluster
    content = image.read_bytes()
    places = [at for at in range(end) if content[at] or at < 64]
    chance = random.Random(11)
    for _ in range(150):
        with open_image(image, write=True) as area:
            for _ in range(chance.choice([1, 3, 10])):
                area.write(chance.choice(places), bytes([chance.choice([0, 1, 255, 16, 0xE5])]))
        try:
            with opened(image, write=True) as filesystem:
                assert filesystem.free <= size
                for entry in filesystem.walk():
                    if not entry.is_directory:
                        assert sum(map(len, filesystem.read(entry.path))) == entry.size
        except UserError:
            pass
        with open_image(image, write=True) as area:
            area.write(0, content[:end])
