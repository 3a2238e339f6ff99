# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Partition tables: what is written is read, what is broken is refused; fdisk agrees."""

import struct
import zlib
from pathlib import Path

import pytest

from tests.tools.disks import listed, make, mkfs, opened, plant
from tools.disk import partitions
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


@pytest.mark.parametrize(
    ("offset", "said"),
    [
        (SECTOR + 60, "its header does not have its checksum"),
        (SECTOR + 16, "its header does not have its checksum"),
        (2 * SECTOR + 40, "its table does not have its checksum"),
        (2 * SECTOR + 127 * 128, "its table does not have its checksum"),
        (SECTOR, "sector 1 is no header"),
        (SECTOR + 13, "a header of"),
    ],
)
def test_a_gpt_with_a_wrong_checksum_is_refused(tmp_path: Path, offset: int, said: str) -> None:
    path = gpt(tmp_path)
    with open_image(path, write=True) as image:
        image.write(offset, bytes([image.read(offset, 1)[0] ^ 0x40]))
    with pytest.raises(Broken, match=said):
        listed(path)


@pytest.mark.parametrize(
    ("offset", "content", "said"),
    [
        (SECTOR + 24, b"\x02", "for another place"),
        (SECTOR + 48, b"\xff" * 8, "a larger image"),
        (SECTOR + 80, b"\xff" * 4, "a table of"),
        (SECTOR + 84, b"\x00" * 4, "a table of"),
        (SECTOR + 72, b"\xff" * 8, "its table does not have"),
        (2 * SECTOR + 32, b"\x01\x00", "partition 1 lies outside"),
        (2 * SECTOR + 40, b"\xff" * 8, "partition 1 lies outside"),
    ],
)
def test_a_gpt_that_leads_astray_is_refused(
    tmp_path: Path, offset: int, content: bytes, said: str
) -> None:
    path = gpt(tmp_path)
    with open_image(path, write=True) as image:
        image.write(offset, content)
        header = bytearray(image.read(SECTOR, 92))
        if offset >= 2 * SECTOR:
            reseal(image)
        else:
            header[16:20] = bytes(4)
            header[16:20] = struct.pack("<I", zlib.crc32(header))
            image.write(SECTOR, header)
    with pytest.raises(Broken, match=said):
        listed(path)


def test_overlapping_partitions_are_refused(tmp_path: Path) -> None:
    path = gpt(tmp_path)
    with open_image(path, write=True) as image:
        image.write(2 * SECTOR + 128, image.read(2 * SECTOR, 128))
        reseal(image)
    with pytest.raises(Broken, match="partitions 1 and 2 overlap"):
        listed(path)


def two_partitions(tmp_path: Path) -> Path:
    """An MBR: nothing in partition 1, an extended one, FAT in partition 3."""
    path = tmp_path / "disk.img"
    content = mkfs(tmp_path / "part", MIB, "-n", "THIRD").read_bytes()
    with path.open("xb") as file:
        file.truncate(4 * MIB)
        entries = [(0x83, 2048, 2048), (0x05, 4096, 2048), (0x0C, 6144, 2048), (0, 0, 0)]
        for number, (kind, begin, count) in enumerate(entries):
            file.seek(446 + 16 * number)
            file.write(struct.pack("<B3sB3sII", 0, b"\0" * 3, kind, b"\0" * 3, begin, count))
        file.write(b"\x55\xaa")
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
        for number in (2, 4):
            with pytest.raises(UserError, match=rf"no partition {number}\. It has: 1, 3"):
                find_place(image, number)


def test_an_mbr_that_leads_outside_is_refused(tmp_path: Path) -> None:
    path = two_partitions(tmp_path)
    with open_image(path, write=True) as image:
        image.write(446 + 32 + 12, b"\xff" * 4)
    with pytest.raises(Broken, match="partition 3 lies outside"):
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
    assert partitions.ALIGNMENT == MIB
