"""kernel/fs_probe.c: what is taken for which filesystem, and what it costs to say so."""

import struct

import pytest

from tests.host import programs
from tests.host.disk_images import Disk, fat32_boot_sector, fat_boot_sector, littlefs_block
from tools.romfs import MAGIC, make_romfs

MIB = 2048
"""Sectors of 512 bytes."""

BLANK = "nothing (all zero)"
UNKNOWN = "nothing that is known here"
UNREADABLE = "nothing that can be read"
TOO_LARGE = "it is larger than what it lies in"
NO_SENSE = "its boot sector makes no sense"


def said(disk: Disk, start: int | None = None, count: int = 0) -> list[str]:
    where = [] if start is None else [str(start), str(count)]
    output = programs.run("probe_disk", "filesystem", *where, stdin=disk.encode()).stdout.decode()
    return output.splitlines()


def found(disk: Disk) -> list[str]:
    return said(disk)[:-1]


def kind(disk: Disk) -> str:
    return said(disk)[0].rsplit(" ", 2)[0]


def reads(disk: Disk) -> int:
    return int(said(disk)[-1].split()[0])


def disk_of(content: bytes, offset: int = 0, sectors: int = 64 * MIB) -> Disk:
    return Disk(sectors).write(0, content, offset)


# FAT


def test_a_fat_is_decided_by_one_read() -> None:
    disk = disk_of(fat_boot_sector(label=b"DATA DISK  "))
    assert said(disk) == ["a FAT16 filesystem 20480x512 'DATA DISK'", "1 reads"]
    disk = disk_of(fat32_boot_sector(label=b"S\x8aO\nD      "), sectors=1 << 20)
    assert said(disk) == ["a FAT32 filesystem 1048576x512 'S?O?D'", "1 reads"]


def test_a_fat_lies_in_a_partition() -> None:
    disk = Disk(64 * MIB).write(10000, fat_boot_sector())
    assert said(disk, 10000, 20480) == ["a FAT16 filesystem 20480x512 ''", "1 reads"]
    assert said(disk, 10000, 20479)[1] == f"problem: {TOO_LARGE}"
    assert kind(disk) == BLANK


def fat16_of(clusters: int, fat_sectors: int) -> bytes:
    return fat_boot_sector(
        sectors=1 + 2 * fat_sectors + 32 + clusters, cluster=1, fat_sectors=fat_sectors
    )


@pytest.mark.parametrize(
    ("sector", "expected"),
    [
        (fat16_of(0xFF5, 12), "FAT12"),
        (fat16_of(0xFF6, 16), "FAT16"),
        (fat16_of(0xFFF5, 256), "FAT16"),
        (fat_boot_sector(fats=1), "FAT16"),
        (fat_boot_sector(sectors=70000, fat_sectors=69), "FAT16"),
        (fat_boot_sector(sector_size=1024), "FAT16"),
        (fat_boot_sector(sector_size=4096), "FAT16"),
        (fat_boot_sector(jump=b"\xe9\0\0"), "FAT16"),
        (fat_boot_sector(jump=b"\xe8\0\0"), "FAT16"),
        (fat_boot_sector(kind=b"FAT     "), "FAT16"),
        (fat_boot_sector(kind=b"FAT12   "), "FAT16"),
    ],
)
def test_the_number_of_clusters_says_how_wide_it_is(sector: bytes, expected: str) -> None:
    assert kind(disk_of(sector, sectors=1 << 20)) == f"a {expected} filesystem"


@pytest.mark.parametrize(
    "sector",
    [
        fat_boot_sector(sector_size=0),
        fat_boot_sector(sector_size=256),
        fat_boot_sector(sector_size=513),
        fat_boot_sector(sector_size=8192),
        fat_boot_sector(cluster=0),
        fat_boot_sector(cluster=3),
        fat_boot_sector(reserved=0),
        fat_boot_sector(fats=0),
        fat_boot_sector(fats=3),
        fat_boot_sector(root_entries=0),
        fat_boot_sector(root_entries=511),
        fat_boot_sector(fat_sectors=0),
        fat_boot_sector(fat_sectors=19),
        fat_boot_sector(sectors=0),
        fat_boot_sector(sectors=73),
        fat_boot_sector(sectors=76),
        fat16_of(0xFFF6, 256),  # So many have 32 bits, and then there are no entries of a root.
        fat16_of(0xFF5, 11),
        fat16_of(0xFFF5, 255),
        fat32_boot_sector(version=1),
        fat32_boot_sector(fat_sectors=1),
        fat32_boot_sector(fat_sectors=0x80000001),
        fat32_boot_sector(sectors=500000),  # So few do not have 32 bits.
    ],
)
def test_a_fat_that_oofatfs_would_not_mount_is_broken(sector: bytes) -> None:
    assert found(disk_of(sector, sectors=1 << 20)) == [
        "a FAT filesystem 0x0 ''",
        f"problem: {NO_SENSE}",
    ]


@pytest.mark.parametrize(
    "sector",
    [
        fat_boot_sector()[:511] + b"\xab",
        fat_boot_sector(jump=b"\0\0\0"),
        fat_boot_sector(kind=b"FUT16   "),
    ],
)
def test_what_does_not_say_fat_is_none(sector: bytes) -> None:
    assert kind(disk_of(sector)) == UNKNOWN


# littlefs


def littlefs(block_size: int = 4096, blocks: int = 64, **more: int) -> Disk:
    disk = Disk(64 * MIB)
    disk.write(0, littlefs_block(block_size, blocks, revision=more.get("first", 1)))
    return disk.write(
        0, littlefs_block(block_size, blocks, revision=more.get("second", 2)), block_size
    )


@pytest.mark.parametrize("shift", range(7, 23))
def test_a_littlefs_is_decided_by_two_reads(shift: int) -> None:
    disk = littlefs(1 << shift, 8)
    assert found(disk) == [f"a littlefs 8x{1 << shift} ''"]
    assert reads(disk) == (1 if shift < 12 else 2)


@pytest.mark.parametrize("shift", range(7, 23))
@pytest.mark.parametrize("torn", [bytes(4096), b"\xff" * 16, littlefs_block()[:-1] + b"x"])
def test_its_second_block_is_found_where_the_first_is_torn(shift: int, torn: bytes) -> None:
    size = 1 << shift
    disk = Disk(64 * MIB).write(0, torn).write(0, littlefs_block(size, 8, revision=5), size)
    assert found(disk) == [f"a littlefs 8x{size} ''"]


def test_a_second_block_elsewhere_than_it_says_is_none() -> None:
    assert kind(disk_of(littlefs_block(8192), 4096)) == UNKNOWN


@pytest.mark.parametrize(
    ("first", "second", "count"),
    [(1, 2, 20), (2, 1, 10), (3, 3, 10), (0xFFFFFFFF, 0, 20), (0, 0xFFFFFFFF, 10)],
)
def test_the_newer_block_counts(first: int, second: int, count: int) -> None:
    disk = disk_of(littlefs_block(block_count=10, revision=first))
    disk.write(0, littlefs_block(block_count=20, revision=second), 4096)
    assert found(disk) == [f"a littlefs {count}x4096 ''"]
    # Not where it is torn, or that of another one.
    disk.write(0, b"x", 4096 + 8)
    assert found(disk) == ["a littlefs 10x4096 ''"]
    disk.write(0, littlefs_block(2048, 9, revision=second), 4096)
    assert found(disk) == ["a littlefs 10x4096 ''"]


def test_the_last_whole_commit_counts() -> None:
    block = littlefs_block(block_count=10, later=(20, 30))
    assert found(disk_of(block)) == ["a littlefs 30x4096 ''"]
    assert found(disk_of(block[:-1])) == ["a littlefs 20x4096 ''"]
    assert found(disk_of(block[:20])) == [f"{UNKNOWN} 0x0 ''"]


def test_every_changed_byte_of_its_only_commit_is_noticed() -> None:
    block = littlefs_block()
    for at in range(len(block)):
        changed = bytearray(block)
        changed[at] ^= 0x10
        assert kind(disk_of(bytes(changed))) == UNKNOWN


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        (
            littlefs_block(version=0x00020002),
            "it is of a version that MicroPython does not know",
        ),
        (
            littlefs_block(version=0x00030000),
            "it is of a version that MicroPython does not know",
        ),
        (
            littlefs_block(limits=(256, 1, 1)),
            "it allows longer names, files or attributes than MicroPython",
        ),
        (
            littlefs_block(limits=(1, 1 << 31, 1)),
            "it allows longer names, files or attributes than MicroPython",
        ),
        (
            littlefs_block(limits=(1, 1, 1023)),
            "it allows longer names, files or attributes than MicroPython",
        ),
        (littlefs_block(block_count=1), "its superblock makes no sense"),
        (littlefs_block(block_count=64 * 256 + 1), TOO_LARGE),
        (littlefs_block(block_count=0xFFFFFFFF), TOO_LARGE),
        (littlefs_block(version=0x00020000), None),
        (littlefs_block(block_count=64 * 256), None),
        (littlefs_block(limits=(0, 0, 0)), None),
    ],
)
def test_a_littlefs_that_micropython_would_not_mount_has_a_problem(
    block: bytes, problem: str | None
) -> None:
    lines = found(disk_of(block))
    assert lines[0].startswith("a littlefs ")
    assert lines[1:] == ([f"problem: {problem}"] if problem else [])


@pytest.mark.parametrize("size", [0, 1, 100, 127, (4 << 20) + 1, 0xFFFFFFFF])
def test_a_block_size_that_cannot_be_is_none(size: int) -> None:
    assert kind(disk_of(littlefs_block(size))) == UNKNOWN


def test_what_an_older_filesystem_left_behind_a_littlefs_does_not_matter() -> None:
    fat = fat32_boot_sector()
    disk = disk_of(fat, sectors=1 << 20)
    disk.write(0, struct.pack("<H", 0xEF53), 1024 + 0x38)
    begin = littlefs_block(revision=0x6D9058EB)
    assert begin[0] == fat[0]
    assert len(begin) < 82
    assert kind(disk.write(0, begin)) == "a littlefs"


# ROMFS


def test_a_romfs_is_as_long_as_it_says() -> None:
    image = make_romfs({"main.py": b"print(1)\n", "data": bytes(100000)})
    assert said(disk_of(image)) == [f"a ROMFS {len(image)}x1 ''", "1 reads"]
    short = disk_of(image, sectors=len(image) // 512)
    assert found(short) == [f"a ROMFS {len(image)}x1 ''", "problem: it is cut short"]
    endless = disk_of(MAGIC + b"\xff" * 20)
    assert found(endless)[1] == "problem: it is cut short"
    long = disk_of(MAGIC + b"\xff" * 8 + b"\x7f")
    assert found(long)[1] == "problem: it is cut short"


# Others


def superblock(*fields: tuple[int, bytes]) -> Disk:
    disk = Disk(64 * MIB)
    for at, content in fields:
        disk.write(0, content, at)
    return disk


def ext(compat: int, incompat: int, ro_compat: int) -> Disk:
    return superblock(
        (1024 + 0x38, b"\x53\xef"),
        (1024 + 0x5C, struct.pack("<III", compat, incompat, ro_compat)),
        (1024 + 0x78, b"root\0\xff"),
    )


@pytest.mark.parametrize(
    ("disk", "what"),
    [
        (ext(0x38, 0x2, 0x3), "an ext2 filesystem 0x0 'root'"),
        (ext(0x3C, 0x2, 0x3), "an ext3 filesystem 0x0 'root'"),
        (ext(0x3C, 0x2C2, 0x46B), "an ext4 filesystem 0x0 'root'"),
        (ext(0, 0x2, 0x8), "an ext4 filesystem 0x0 'root'"),
        (superblock((3, b"EXFAT   ")), "an exFAT filesystem 0x0 ''"),
        (superblock((3, b"NTFS    ")), "an NTFS filesystem 0x0 ''"),
        (superblock((0, b"XFSB"), (108, b"my data\0")), "an XFS filesystem 0x0 'my data'"),
        (superblock((0, b"hsqs")), "a squashfs filesystem 0x0 ''"),
        (superblock((0, b"LUKS\xba\xbe\0\1"), (24, b"aes")), "a volume encrypted by LUKS 0x0 ''"),
        (
            superblock((0, b"LUKS\xba\xbe\0\2"), (24, b"x" * 48)),
            f"a volume encrypted by LUKS 0x0 '{'x' * 48}'",
        ),
        (superblock((4086, b"SWAPSPACE2"), (1052, b"swap")), "swap space of Linux 0x0 'swap'"),
        (superblock((40, b"littlefs")), "a littlefs of version 1 0x0 ''"),
        (
            superblock((0x8000, b"\1CD001\1"), (0x8028, b"DEBIAN 12".ljust(32))),
            "an ISO 9660 filesystem 0x0 'DEBIAN 12'",
        ),
        (
            superblock((0x10040, b"_BHRfS_M"), (0x1012B, b"pool\x1b[2J")),
            "a btrfs filesystem 0x0 'pool?[2J'",
        ),
    ],
)
def test_what_micropython_does_not_mount_is_named(disk: Disk, what: str) -> None:
    assert found(disk) == [what]


# None


def test_zeros_are_blank_wherever_something_could_begin() -> None:
    assert said(Disk(64 * MIB)) == [f"{BLANK} 0x0 ''", "12 reads"]
    assert said(Disk(1)) == [f"{BLANK} 0x0 ''", "1 reads"]
    assert found(Disk((1 << 64) - 1)) == [f"{BLANK} 0x0 ''"]
    assert found(Disk(5, sector_size=4096)) == [f"{BLANK} 0x0 ''"]


@pytest.mark.parametrize("at", [0, 511, 4095, 4096, 0x8000, 0x10FFF, (4 << 20) + 4095])
def test_what_is_not_zero_is_not_blank(at: int) -> None:
    assert kind(disk_of(b"x", at)) == UNKNOWN


@pytest.mark.parametrize("sector", [0, 7, 8, 64, 8192])
def test_what_cannot_be_read_is_not_blank(sector: int) -> None:
    assert kind(Disk(64 * MIB).spoil(sector)) == UNREADABLE


def test_sectors_that_are_larger_than_the_buffer_are_not_read() -> None:
    assert said(Disk(100, sector_size=8192)) == [f"{UNREADABLE} 0x0 ''", "0 reads"]
    fits = Disk(100, sector_size=8192, buffer_size=8192).write(0, fat_boot_sector(sectors=1500))
    assert said(fits) == ["a FAT12 filesystem 1500x512 ''", "1 reads"]


def test_a_range_without_sectors_is_nothing() -> None:
    assert said(Disk(0)) == [f"{UNREADABLE} 0x0 ''", "0 reads"]
    disk = Disk(100)
    assert said(disk, 100, 10) == said(disk, 50, 0) == [f"{UNREADABLE} 0x0 ''", "0 reads"]
    assert said(disk, (1 << 64) - 1, (1 << 64) - 1)[1] == "0 reads"


@pytest.mark.parametrize("count", [1, 7, 8, 9])
def test_a_range_ends_where_it_ends(count: int) -> None:
    disk = Disk(100).write(2 + count, b"\1")
    assert said(disk, 2, count)[0] == f"{BLANK} 0x0 ''"
    assert said(disk, 2, count + 1)[0] == f"{UNKNOWN} 0x0 ''"
