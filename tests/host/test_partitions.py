"""kernel/partitions.c: what is taken for a partition table, and that none lies about its disk.

The task `disk` goes by the same rules (tools/disk/partitions.py): every case is tried with both.
"""

from collections.abc import Callable

import pytest

from tests.host import disk_task, programs
from tests.host.disk_images import (
    BASIC_DATA,
    EFI_SYSTEM,
    LINUX,
    Disk,
    Gpt,
    GptEntry,
    fat32_boot_sector,
    fat_boot_sector,
    littlefs_block,
    mbr,
    mbr_entry,
)
from tools.romfs import make_romfs

MIB = 2048
"""Sectors of 512 bytes."""

OVERLAP = "it overlaps another partition"


def said(disk: Disk) -> list[str]:
    output = programs.run("probe_disk", "partitions", stdin=disk.encode()).stdout.decode()
    return output.splitlines()


def table(disk: Disk) -> list[str]:
    lines = said(disk)[:-1]
    if disk_task.can_have(disk):
        assert disk_task.table(disk) == disk_task.as_the_task_says(lines)
    return lines


def reads(disk: Disk) -> int:
    return int(said(disk)[-1].split()[0])


def broken(problem: str, number: int = 0) -> list[str]:
    return ["broken", f"problem: {number}: {problem}"]


def chain(*links: tuple[int, bytes, bytes], before: bytes = b"") -> Disk:
    """A disk of 64 MiB whose second partition is extended, from 16 MiB to the end.

    A link is its sector, counted in the extended partition, and its two entries.
    """
    disk = Disk(64 * MIB)
    extended = mbr_entry(0x0F, 16 * MIB, 48 * MIB)
    disk.write(0, mbr(mbr_entry(0x83, MIB, 4 * MIB), extended, before=before))
    for sector, logical, following in links:
        disk.write(16 * MIB + sector, mbr(logical, following))
    return disk


NOTHING = bytes(16)


# MBR


def test_the_primary_partitions_are_found() -> None:
    disk = Disk(64 * MIB).write(
        0,
        mbr(
            mbr_entry(0x0C, MIB, 8 * MIB, status=0x80),
            NOTHING,
            mbr_entry(0x83, 9 * MIB, 55 * MIB),
            mbr_entry(0x82, 0, 0),
        ),
    )
    assert said(disk) == ["MBR", "1: 2048 16384 0c", "3: 18432 112640 83", "1 reads"]


def test_sectors_of_4096_bytes_are_counted_as_such() -> None:
    disk = Disk(10000, sector_size=4096).write(0, mbr(mbr_entry(0x83, 256, 9744)))
    assert table(disk) == ["MBR", "1: 256 9744 83"]


def test_a_table_may_have_no_partition() -> None:
    assert table(Disk(MIB).write(0, mbr())) == ["MBR"]


def test_logical_partitions_are_counted_from_5_on() -> None:
    disk = chain(
        (0, mbr_entry(0x83, 63, 1000), mbr_entry(0x05, 4096, 3000)),
        (4096, mbr_entry(0x82, 2048, 500), mbr_entry(0x05, 2000, 1)),
        (2000, NOTHING, mbr_entry(0x85, 9000, 1)),
        (9000, mbr_entry(0x0B, 1, 48 * MIB - 9001), NOTHING),
    )
    assert table(disk) == [
        "MBR",
        "1: 2048 8192 83",
        f"5: {16 * MIB + 63} 1000 83",
        f"6: {16 * MIB + 4096 + 2048} 500 82",
        f"7: {16 * MIB + 9001} {48 * MIB - 9001} 0b",
    ]


@pytest.mark.parametrize(
    ("disk", "problem", "number"),
    [
        (chain(), "MBR: the extended partition has a link without its signature", 0),
        (
            chain((0, NOTHING, mbr_entry(5, 0, 1))),
            "MBR: the links of the extended partition have no end",
            0,
        ),
        (
            chain((0, NOTHING, mbr_entry(5, 9, 1)), (9, NOTHING, mbr_entry(5, 0, 1))),
            "MBR: the links of the extended partition have no end",
            0,
        ),
        (
            chain(
                (0, mbr_entry(0x83, 63, 10), mbr_entry(5, 9, 1)), (9, NOTHING, mbr_entry(5, 0, 1))
            ),
            OVERLAP,
            6,
        ),
        (
            chain((0, NOTHING, mbr_entry(5, 48 * MIB, 1))),
            "MBR: the extended partition has a link out of itself",
            0,
        ),
        (
            chain((0, NOTHING, mbr_entry(5, 0xFFFFFFFF, 1))),
            "MBR: the extended partition has a link out of itself",
            0,
        ),
        (
            chain((0, mbr_entry(0x83, 63, 48 * MIB - 62), NOTHING)),
            "it lies outside of its extended partition",
            5,
        ),
        (
            chain((0, mbr_entry(0x83, 0, 10), NOTHING)),
            "it lies outside of its extended partition",
            5,
        ),
        (
            chain((0, mbr_entry(0x83, 0xFFFFFFFF, 0xFFFFFFFF), NOTHING)),
            "it lies outside of its extended partition",
            5,
        ),
        (
            chain(
                (0, mbr_entry(0x83, 63, 1000), mbr_entry(5, 100, 3000)),
                (100, mbr_entry(0x83, 962, 1), NOTHING),
            ),
            OVERLAP,
            6,
        ),
        (
            chain((0, NOTHING, mbr_entry(5, 4096, 1))).spoil(16 * MIB + 4096),
            "MBR: part of the extended partition cannot be read",
            0,
        ),
    ],
)
def test_a_broken_chain_of_logical_partitions_is_refused(
    disk: Disk, problem: str, number: int
) -> None:
    assert table(disk) == broken(problem, number)


def test_a_chain_is_followed_for_64_links_only() -> None:
    links = [(n * 8, mbr_entry(0x83, 1, 7), mbr_entry(5, n * 8 + 8, 8)) for n in range(63)]
    whole = chain(*links, (63 * 8, mbr_entry(0x83, 1, 7), NOTHING))
    assert table(whole)[0] == "MBR, and more"
    assert len(table(whole)) == 1 + 24
    endless = chain(*links, (63 * 8, NOTHING, mbr_entry(5, 64 * 8, 8)), (64 * 8, NOTHING, NOTHING))
    assert table(endless) == broken("MBR: the links of the extended partition have no end")


@pytest.mark.parametrize(
    ("entries", "problem", "number"),
    [
        ([mbr_entry(0x83, MIB, 63 * MIB + 1)], "it passes the end of the disk", 1),
        ([NOTHING, mbr_entry(0x83, 64 * MIB, 1)], "it passes the end of the disk", 2),
        ([mbr_entry(0x83, 0xFFFFFFFF, 0xFFFFFFFF)], "it passes the end of the disk", 1),
        ([mbr_entry(0x83, 0, 10)], "it begins before the table's end", 1),
        ([mbr_entry(0x83, 10, 10), mbr_entry(0x83, 19, 10)], OVERLAP, 2),
        ([mbr_entry(0x83, 19, 10), mbr_entry(0x83, 10, 10)], OVERLAP, 2),
        ([mbr_entry(0x83, 10, 90), mbr_entry(0x83, 20, 10)], OVERLAP, 2),
        ([mbr_entry(0x83, 20, 10), NOTHING, mbr_entry(0x05, 1, 90)], OVERLAP, 3),
    ],
)
def test_primary_partitions_out_of_place_are_refused(
    entries: list[bytes], problem: str, number: int
) -> None:
    assert table(Disk(64 * MIB).write(0, mbr(*entries))) == broken(problem, number)


@pytest.mark.parametrize("sectors", [1, 2, 7, 8, 9])
def test_a_disk_may_be_tiny(sectors: int) -> None:
    assert table(Disk(sectors).write(0, mbr())) == ["MBR"]
    whole = Disk(sectors).write(0, mbr(mbr_entry(0x83, 1, 1)))
    assert table(whole)[0] == ("broken" if sectors == 1 else "MBR")


def test_a_disk_may_claim_any_size() -> None:
    disk = Disk((1 << 64) - 1).write(0, mbr(mbr_entry(0x83, 0xFFFFFFFF, 0xFFFFFFFF)))
    assert table(disk) == ["MBR", "1: 4294967295 4294967295 83"]


# What is none


def test_without_its_signature_it_is_none() -> None:
    sector = mbr(mbr_entry(0x83, MIB, MIB))
    assert table(Disk(64 * MIB).write(0, sector[:510] + b"\x55\xab")) == ["none"]
    assert table(Disk(64 * MIB)) == ["none"]


@pytest.mark.parametrize("number", range(4))
def test_with_a_status_that_no_entry_has_it_is_none(number: int) -> None:
    entries = [mbr_entry(0x83, MIB, MIB), NOTHING, NOTHING, NOTHING]
    entries[number] = b"\x41" + entries[number][1:]
    assert table(Disk(64 * MIB).write(0, mbr(*entries))) == ["none"]


def test_a_disk_without_sectors_has_none() -> None:
    assert said(Disk(0)) == ["none", "0 reads"]


def test_a_disk_that_cannot_be_read_is_not_taken_as_one_without_a_table() -> None:
    assert table(Disk(MIB).spoil(0)) == broken("MBR: it cannot be read")


def test_sectors_that_are_larger_than_the_buffer_are_not_read() -> None:
    disk = Disk(MIB, sector_size=8192).write(0, mbr(mbr_entry(0x83, 1, 1)))
    assert table(disk) == broken("MBR: it cannot be read")


BOOT_SECTORS = [
    fat_boot_sector(),
    fat32_boot_sector(),
    fat_boot_sector(sector_size=100),
    (b"\xeb\x76\x90EXFAT   ").ljust(510, b"\0") + b"\x55\xaa",
    (b"\xeb\x52\x90NTFS    ").ljust(510, b"\0") + b"\x55\xaa",
]


@pytest.mark.parametrize("sector", BOOT_SECTORS)
def test_the_boot_sector_of_a_filesystem_is_none(sector: bytes) -> None:
    assert table(Disk(64 * MIB).write(0, sector)) == ["none"]


@pytest.mark.parametrize("sector", BOOT_SECTORS)
def test_boot_code_where_entries_would_be_does_not_make_it_one(sector: bytes) -> None:
    code = mbr(mbr_entry(0x20, 0x6E616320, 0x20746F6E), before=sector[:446])
    assert table(Disk(64 * MIB).write(0, code)) == ["none"]


@pytest.mark.parametrize("sector", BOOT_SECTORS)
def test_a_table_that_holds_is_younger_than_the_boot_sector_around_it(sector: bytes) -> None:
    disk = Disk(64 * MIB).write(0, mbr(mbr_entry(0x83, MIB, MIB), before=sector[:446]))
    assert table(disk) == ["MBR", "1: 2048 2048 83"]


SMALL_SUPERBLOCKS = [littlefs_block(), make_romfs({"main.py": b"print(1)\n"})]
BOTH = "a littlefs or ROMFS begins before the table, and nobody can say which of them is old"


@pytest.mark.parametrize("begin", SMALL_SUPERBLOCKS)
def test_a_table_behind_a_small_superblock_is_refused(begin: bytes) -> None:
    disk = Disk(64 * MIB).write(0, mbr(mbr_entry(0x83, MIB, MIB), before=begin))
    assert table(disk) == broken(BOTH)


@pytest.mark.parametrize("begin", SMALL_SUPERBLOCKS)
@pytest.mark.parametrize("entries", [[], [mbr_entry(0x83, 0, 1)]])
def test_what_is_no_whole_table_behind_one_is_none(begin: bytes, entries: list[bytes]) -> None:
    assert table(Disk(64 * MIB).write(0, mbr(*entries, before=begin))) == ["none"]


# GPT

ENTRIES = (
    GptEntry(MIB, 3 * MIB - 1, "EFI system", EFI_SYSTEM),
    None,
    GptEntry(3 * MIB, 3 * MIB, "Größe 世界 \U0001f40d"),
    GptEntry(40, 50, "", BASIC_DATA),
)
GPT = Gpt(ENTRIES)
LISTED = [
    f"1: 2048 4096 {EFI_SYSTEM.bytes_le.hex()} 'EFI system'",
    f"3: 6144 1 {LINUX.bytes_le.hex()} 'Größe 世界 \U0001f40d'",
    f"4: 40 11 {BASIC_DATA.bytes_le.hex()} ''",
]


def new_disk() -> Disk:
    return Disk(64 * MIB)


@pytest.mark.parametrize("copy", [True, False])
def test_a_gpt_is_found(copy: bool) -> None:
    assert table(GPT.write(new_disk(), copy=copy)) == ["GPT", *LISTED]


def test_a_gpt_costs_five_reads_or_one_large_one() -> None:
    assert reads(GPT.write(Disk(64 * MIB))) == 5
    assert reads(GPT.write(Disk(64 * MIB, buffer_size=32768))) == 1


def test_a_gpt_may_be_in_sectors_of_4096_bytes() -> None:
    assert table(GPT.write(Disk(20000, sector_size=4096))) == ["GPT", *LISTED]


@pytest.mark.parametrize("entry_size", [128, 136, 256, 512, 1000, 4096])
@pytest.mark.parametrize("sector_size", [512, 4096])
def test_entries_may_be_longer(entry_size: int, sector_size: int) -> None:
    places = (GptEntry(9000, 9001, "a"), None, *[GptEntry(n, n) for n in range(9002, 9020)])
    gpt = Gpt(places, entry_count=100, entry_size=entry_size)
    found = table(gpt.write(Disk(20000, sector_size=sector_size)))
    assert found[:2] == ["GPT", f"1: 9000 2 {LINUX.bytes_le.hex()} 'a'"]
    assert len(found) == 1 + 19


def test_partitions_beyond_24_are_left_out() -> None:
    gpt = GPT.with_entries(*[GptEntry(n, n, str(n)) for n in range(100, 125)])
    found = table(gpt.write(new_disk()))
    assert found[0] == "GPT, and more"
    assert found[-1].endswith("'123'")
    overlapping = GPT.with_entries(*[GptEntry(n, n) for n in (*range(100, 125), 100)])
    assert table(overlapping.write(new_disk()))[:2] == broken(OVERLAP, 26)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("x" * 36, "x" * 36),
        ("世" * 36, "世" * 36),
        ("\U0001f40d" * 18, "\U0001f40d" * 18),
        ("a\ud83d", "a\ufffd"),
        ("\udc0d\ud83db", "\ufffd\ufffdb"),
        ("x" * 35 + "\ud83d", "x" * 35 + "\ufffd"),
        ("a\nb\x7fc\x9b", "a?b?c?"),
        ("a\0b", "a"),
    ],
)
def test_a_name_becomes_utf_8_that_can_be_printed(name: str, shown: str) -> None:
    disk = GPT.with_entries(GptEntry(40, 40, name)).write(new_disk())
    assert table(disk)[1].endswith(f" '{shown}'")


def damage(sector: int, offset: int = 0, content: bytes = b"\xff") -> Callable[[Disk], Disk]:
    return lambda disk: disk.write(sector, content, offset)


HEADER_CRC = "GPT: the header's checksum is wrong"


@pytest.mark.parametrize(
    ("spoilt", "problem"),
    [
        (damage(1, content=bytes(512)), "GPT: there is no header"),
        (damage(1, 60), HEADER_CRC),
        (damage(1, 16), HEADER_CRC),
        (damage(1, 12, b"\x5b"), "GPT: the header is of a version that is not known here"),
        (damage(1, 12, b"\xff\xff"), "GPT: the header is of a version that is not known here"),
        (damage(1, 10, b"\2"), "GPT: the header is of a version that is not known here"),
        (damage(2, 8), "GPT: the entries' checksum is wrong"),
        (damage(33, 511), "GPT: the entries' checksum is wrong"),
        (lambda disk: disk.spoil(1), None),
        (lambda disk: disk.spoil(9), "GPT: the entries cannot be read"),
    ],
)
def test_the_copy_at_the_end_is_used_where_the_first_is_broken(
    spoilt: Callable[[Disk], Disk], problem: str | None
) -> None:
    if problem is None:  # The first read, of eight sectors.
        assert table(spoilt(GPT.write(new_disk()))) == broken("MBR: it cannot be read")
        return
    assert table(spoilt(GPT.write(new_disk()))) == ["GPT", f"problem: 0: {problem}", *LISTED]
    both = spoilt(GPT.write(new_disk(), copy=False))
    assert table(both) == [*broken(problem), "copy: GPT: there is no header"]


def test_where_the_first_header_is_whole_it_says_where_the_copy_lies() -> None:
    disk = GPT.write(new_disk())
    disk.sectors += MIB
    assert table(disk) == ["GPT", *LISTED]
    assert table(damage(2)(disk)) == [
        "GPT",
        "problem: 0: GPT: the entries' checksum is wrong",
        *LISTED,
    ]


@pytest.mark.parametrize("alternate", [0, 1, 5, 1 << 63, (1 << 64) - 1])
def test_a_copy_may_be_said_to_be_anywhere(alternate: int) -> None:
    disk = Gpt(ENTRIES, header={"alternate": alternate}).write(new_disk())
    assert table(disk) == ["GPT", *LISTED]
    assert table(damage(2)(disk))[0] == "broken"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"my_lba": 2}, "GPT: the header is that of another place"),
        ({"last": 64 * MIB}, "GPT: the disk is smaller than when the table was made"),
        ({"last": (1 << 64) - 1}, "GPT: the disk is smaller than when the table was made"),
        ({"first": 0, "last": 0}, "GPT: the header makes no sense"),
        ({"first": 1, "last": 1}, "GPT: the header makes no sense"),
        ({"first": 33}, "GPT: the header makes no sense"),
        ({"first": 100, "last": 99}, "GPT: the header makes no sense"),
        ({"entry_size": 120}, "GPT: the header makes no sense"),
        ({"entry_size": 129}, "GPT: the header makes no sense"),
        ({"entry_size": 4104}, "GPT: the header makes no sense"),
        ({"entry_size": 0}, "GPT: the header makes no sense"),
        ({"entries": 0}, "GPT: the header makes no sense"),
        ({"entries": 4097}, "GPT: the header makes no sense"),
        ({"entries": 0xFFFFFFFF, "entry_size": 4096}, "GPT: the header makes no sense"),
        ({"array_at": 0}, "GPT: the header makes no sense"),
        ({"array_at": 1}, "GPT: the header makes no sense"),
        ({"array_at": 100}, "GPT: the header makes no sense"),
        ({"array_at": 64 * MIB - 31}, "GPT: the entries cannot be read"),
        ({"array_at": (1 << 64) - 1}, "GPT: the entries cannot be read"),
        ({"array_crc": 1}, "GPT: the entries' checksum is wrong"),
        ({"revision": 0x20000}, "GPT: the header is of a version that is not known here"),
    ],
)
def test_a_header_that_makes_no_sense_is_refused(fields: dict[str, int], problem: str) -> None:
    disk = Gpt(ENTRIES, header=fields).write(new_disk(), copy=False)
    assert table(disk) == [*broken(problem), "copy: GPT: there is no header"]


def test_a_partition_may_not_lie_where_the_copy_s_header_does() -> None:
    gpt = Gpt(ENTRIES, header={"last": 64 * MIB - 1, "array_at": 2})
    disk = damage(1, 60)(gpt.write(new_disk()))
    assert table(disk) == [*broken(HEADER_CRC), "copy: GPT: the header makes no sense"]


OUTSIDE = "it lies outside of where partitions may lie"


@pytest.mark.parametrize(
    ("entries", "problem", "number"),
    [
        ((GptEntry(33, 40),), OUTSIDE, 1),
        ((GptEntry(0, 40),), OUTSIDE, 1),
        ((None, GptEntry(50, 49)), OUTSIDE, 2),
        ((GptEntry(50, 64 * MIB - 33),), OUTSIDE, 1),
        ((GptEntry(50, (1 << 64) - 1),), OUTSIDE, 1),
        ((GptEntry((1 << 64) - 1, (1 << 64) - 1),), OUTSIDE, 1),
        ((GptEntry(50, 60), GptEntry(60, 70)), OVERLAP, 2),
        ((GptEntry(50, 60), GptEntry(40, 50)), OVERLAP, 2),
        ((GptEntry(50, 60), None, GptEntry(40, 70)), OVERLAP, 3),
        ((GptEntry(50, 60), None, GptEntry(55, 55)), OVERLAP, 3),
    ],
)
def test_entries_out_of_place_are_refused(
    entries: tuple[GptEntry | None, ...], problem: str, number: int
) -> None:
    disk = GPT.with_entries(*entries).write(new_disk())
    assert table(disk) == [*broken(problem, number), f"copy: {problem}"]


def test_the_table_may_be_that_of_a_disk_of_any_size() -> None:
    sectors = (1 << 64) - 1
    gpt = GPT.with_entries(GptEntry(34, sectors - 35, "all"))
    assert table(gpt.write(Disk(sectors), copy=False)) == [
        "GPT",
        f"1: 34 {sectors - 68} {LINUX.bytes_le.hex()} 'all'",
    ]


def test_a_gpt_without_a_protective_mbr_is_none() -> None:
    assert table(GPT.write(new_disk()).write(0, bytes(512))) == ["none"]


def test_a_hybrid_mbr_is_a_gpt_s() -> None:
    hybrid = mbr(mbr_entry(0x0C, MIB, MIB), mbr_entry(0xEE, 1, 33))
    assert table(GPT.write(new_disk()).write(0, hybrid)) == ["GPT", *LISTED]


def test_a_gpt_behind_a_small_superblock_is_refused_where_it_is_whole() -> None:
    begin = littlefs_block()
    disk = GPT.write(new_disk()).write(0, begin)
    assert table(disk) == broken(BOTH)
    # The second block of a littlefs lies in the entries: it is the younger one.
    assert table(disk.write(8, begin)) == ["none"]


def test_a_gpt_behind_the_beginning_of_a_fat_is_younger() -> None:
    around = mbr(mbr_entry(0xEE, 1, 64 * MIB - 1), before=fat_boot_sector()[:446])
    disk = GPT.write(new_disk()).write(0, around)
    assert table(disk) == ["GPT", *LISTED]
    disk.write(1, bytes(512))
    assert table(disk) == ["GPT", "problem: 0: GPT: there is no header", *LISTED]
    disk.write(64 * MIB - 1, bytes(512))
    assert table(disk)[0] == "broken"
