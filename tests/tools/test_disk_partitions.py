# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Partition tables: what is written is read, what is broken is refused.

That the task finds what the guest finds is proven in tests/host/test_partitions.py.
"""

import struct
import zlib
from pathlib import Path

import pytest

from tests.tools.disks import disk, listed, make, mkfs, opened, plant
from tools.disk import partitions_write
from tools.disk.create import Wish
from tools.disk.detect import find_place
from tools.disk.filesystem import Broken
from tools.disk.image import SECTOR, Area, open_image
from tools.errors import UserError

MIB = 1 << 20


def gpt(tmp_path: Path) -> Path:
    wish = Wish(4 * MIB, table="gpt", label="Größe")
    return make(tmp_path / "disk.img", wish, plant(tmp_path / "source"))


def reseal(image: Area) -> None:
    """Give header and table the checksums that are right for them."""
    table = image.read(2 * SECTOR, 128 * 128)
    header = bytearray(image.read(SECTOR, 92))
    header[88:92] = struct.pack("<I", zlib.crc32(table))
    header[16:20] = bytes(4)
    header[16:20] = struct.pack("<I", zlib.crc32(header))
    image.write(SECTOR, header)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    with open_image(gpt(tmp_path), write=False) as image:
        place = find_place(image, None)
        assert place.partition is not None and place.partition.name == "Größe"
        assert (place.area.start, place.area.size) == (MIB, 2 * MIB)
        # The backup, in the last sector, is the header but for its place and its table's.
        backup, header = image.read(image.size - SECTOR, 92), image.read(SECTOR, 92)
        assert backup[:16] == header[:16] and backup[40:72] == header[40:72]
        assert struct.unpack_from("<QQ", backup, 24) == (image.size // SECTOR - 1, 1)
        table_at = struct.unpack_from("<Q", backup, 72)[0]
        assert image.read(table_at * SECTOR, 128) == image.read(2 * SECTOR, 128)


def test_the_copy_of_a_gpt_is_used_where_the_first_is_broken(tmp_path: Path) -> None:
    path = gpt(tmp_path)
    before = listed(path)
    with open_image(path, write=True) as image:
        image.write(SECTOR + 60, b"\xff")
    assert listed(path) == before
    shown = disk("check", path)
    assert shown.returncode == 0
    assert "by the copy of the table, as in the first GPT: the header's checksum" in shown.stdout
    with open_image(path, write=True) as image:
        image.write(image.size - SECTOR, bytes(SECTOR))
    with pytest.raises(Broken, match="checksum is wrong; and its copy: GPT: there is no header"):
        listed(path)


def test_a_gpt_without_a_protective_mbr_is_none(tmp_path: Path) -> None:
    path = gpt(tmp_path)
    with open_image(path, write=True) as image:
        image.write(0, bytes(SECTOR))
    with pytest.raises(UserError, match="no partition table"):
        listed(path)


def test_overlapping_partitions_are_refused(tmp_path: Path) -> None:
    path = gpt(tmp_path)
    with open_image(path, write=True) as image:
        image.write(2 * SECTOR + 128, image.read(2 * SECTOR, 128))
        image.write(image.size - SECTOR, bytes(SECTOR))
        reseal(image)
    with pytest.raises(Broken, match="partition 2: it overlaps another partition; and its copy"):
        listed(path)


def test_littlefs_before_a_table_is_refused(tmp_path: Path) -> None:
    """As in the guest: nobody can say which of them is the old one."""
    path = two_partitions(tmp_path)
    littlefs = make(tmp_path / "littlefs.img", Wish(4 * MIB))
    with open_image(path, write=True) as image:
        image.write(0, littlefs.read_bytes()[:400])
    for words in (["ls"], ["check"], ["get", "/"], ["put", "part"]):
        done = disk(words[0], path, *words[1:], directory=tmp_path)
        assert done.returncode == 1 and "nobody can say which of them is old" in done.stderr


def test_a_filesystem_counts_that_is_made_over_an_old_littlefs(tmp_path: Path) -> None:
    path = make(tmp_path / "disk.img", Wish(4 * MIB), plant(tmp_path / "source"))
    mkfs(tmp_path / "fat", 4 * MIB)
    with open_image(path, write=True) as image:
        image.write(0, (tmp_path / "fat").read_bytes()[:SECTOR])
    with opened(path) as filesystem:
        assert filesystem.kind.startswith("FAT")


def two_partitions(tmp_path: Path) -> Path:
    """An MBR: nothing in partition 1, an extended one with one in it, FAT in partition 3."""
    path = tmp_path / "disk.img"
    content = mkfs(tmp_path / "part", MIB, "-n", "THIRD").read_bytes()
    with path.open("xb") as file:
        file.truncate(4 * MIB)
        entries = [(0x83, 2048, 2048), (0x05, 4096, 2048), (0x0C, 6144, 2048), (0, 0, 0)]
        for number, (kind, begin, count) in enumerate(entries):
            file.seek(446 + 16 * number)
            file.write(struct.pack("<B3sB3sII", 0, b"\0" * 3, kind, b"\0" * 3, begin, count))
        file.write(b"\x55\xaa")
        file.seek(2 * MIB + 446)
        file.write(struct.pack("<4xB3xII", 0x83, 8, 100).ljust(64, b"\0") + b"\x55\xaa")
        file.seek(3 * MIB)
        file.write(content)
    return path


def test_the_first_partition_with_a_filesystem_is_taken(tmp_path: Path) -> None:
    path = two_partitions(tmp_path)
    with opened(path) as filesystem:
        assert filesystem.label == "THIRD"
    with open_image(path, write=False) as image:
        assert find_place(image, 3).area.start == 3 * MIB
        assert find_place(image, 1).area.start == MIB
        assert find_place(image, 5).area.start == 2 * MIB + 8 * SECTOR
        for number in (2, 4):
            with pytest.raises(UserError, match=rf"no partition {number}\. It has: 1, 3, 5"):
                find_place(image, number)


def test_an_mbr_that_leads_outside_is_refused(tmp_path: Path) -> None:
    path = two_partitions(tmp_path)
    with open_image(path, write=True) as image:
        image.write(446 + 32 + 12, b"\xff" * 4)
    with pytest.raises(Broken, match="partition 3: it passes the end of the disk"):
        listed(path)


@pytest.mark.parametrize("table", ["mbr", "gpt"])
def test_the_smallest_image(tmp_path: Path, table: str) -> None:
    with pytest.raises(UserError, match=r"Give --size (\d+)K") as refusal:
        make(tmp_path / "disk.img", Wish(MIB, table=table))
    least = int(str(refusal.value).split("--size ")[1].split("K")[0]) << 10
    assert listed(make(tmp_path / "disk.img", Wish(least, table=table))) == {}
    with pytest.raises(UserError, match="Give --size"):
        make(tmp_path / "smaller.img", Wish(least - 1024, table=table))


def test_limits(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="An MBR reaches 2 TiB"):
        make(tmp_path / "disk.img", Wish(3 << 40, table="mbr"))
    with pytest.raises(UserError, match="too long"):
        make(tmp_path / "disk.img", Wish(4 * MIB, table="gpt", label="x" * 37))
    assert listed(make(tmp_path / "disk.img", Wish(3 << 40, table="gpt"))) == {}
    assert partitions_write.ALIGNMENT == MIB
