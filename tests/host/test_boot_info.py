"""kernel/boot_info.c: what the VMM tells by start_info."""

import itertools
import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.host import images, programs
from tests.host.images import GIB, KIB, MIB, RAM, RESERVED, Entry, Image

PAGE = 4096
MEMMAP_MAX = 4096
RANGES_MAX = 128
PHYS_LIMIT = 1 << 52
OK = "boot information is complete"


def parse(image: Image | bytes, tmp_path: Path) -> dict[str, Any]:
    """The result; `cmdline` as bytes."""
    path = tmp_path / "image"
    path.write_bytes(image.encode() if isinstance(image, Image) else image)
    result: dict[str, Any] = json.loads(programs.run("probe_boot_info", str(path)).stdout)
    result["cmdline"] = bytes.fromhex(result["cmdline"])
    return result


def with_memmap(entries: list[Entry], count: int | None = None) -> Image:
    """A machine with that memory map, at an odd address."""
    image = Image(entry=0x5001)
    count = len(entries) if count is None else count
    image.add(0x5001, images.start_info(memmap_at=0x100003, entries=count))
    image.add(0x100003, b"".join(entry.encode() for entry in entries))
    return image


def test_cloud_hypervisor_512_mib(tmp_path: Path) -> None:
    result = parse(images.cloud_hypervisor(512 * MIB, b"heap=64M a 'b c'"), tmp_path)
    assert result == {
        "status": OK,
        "problems": [],
        "rsdp": 0xA0000,
        "ram": [[0, 0xA0000], [MIB, 512 * MIB]],
        "modules": [],
        "map": [
            [0, 0xA0000, RAM],
            [MIB, 511 * MIB, RAM],
            [0xE8000000, 0x10000000, RESERVED],
        ],
        "cmdline": b"heap=64M a 'b c'",
    }


def test_cloud_hypervisor_has_ram_on_both_sides_of_the_hole_below_4_gib(tmp_path: Path) -> None:
    result = parse(images.cloud_hypervisor(4 * GIB), tmp_path)
    assert result["ram"] == [[0, 0xA0000], [MIB, 3 * GIB], [4 * GIB, 5 * GIB]]


def test_an_initramfs_is_a_module(tmp_path: Path) -> None:
    result = parse(images.cloud_hypervisor(64 * MIB, initramfs=5001), tmp_path)
    assert result["modules"] == [[64 * MIB - 8192, 5001]]


def test_qemu_at_unaligned_addresses(tmp_path: Path) -> None:
    result = parse(images.qemu(8 * GIB, b"x"), tmp_path)
    assert result["status"] == OK
    assert result["rsdp"] == 0xF59E0
    assert result["cmdline"] == b"x"
    assert result["ram"] == [[0, 0x9F000], [MIB, 2 * GIB - 0x20000], [4 * GIB, 10 * GIB]]


def test_the_map_is_given_as_it_stands(tmp_path: Path) -> None:
    entries = [Entry(2**64 - 1, 2**64 - 1, 77), Entry(MIB, 16 * MIB), Entry(MIB, 0, RESERVED)]
    result = parse(with_memmap(entries), tmp_path)
    assert result["map"] == [[2**64 - 1, 2**64 - 1, 77], [MIB, 16 * MIB, RAM], [MIB, 0, RESERVED]]


def test_a_map_that_is_refused_is_not_given(tmp_path: Path) -> None:
    assert parse(with_memmap([Entry(0, MIB)], MEMMAP_MAX + 1), tmp_path)["map"] == []
    # Its end is not readable: what comes before is.
    assert parse(with_memmap([Entry(0, MIB)], 2), tmp_path)["map"] == [[0, MIB, RAM]]


def test_version_0_has_no_memory_map_and_says_so(tmp_path: Path) -> None:
    image = Image(entry=0x6000)
    # Only the 40 bytes that version 0 has are readable.
    image.add(0x6000, images.start_info(memmap_at=0, entries=0, version=0, cmdline_at=0x7000))
    image.add(0x7000, b"hello".ljust(PAGE, b"\0"))
    result = parse(image, tmp_path)
    assert result["status"].startswith("the PVH start_info has no memory map (version 0)")
    assert result["ram"] == result["map"] == []
    assert result["cmdline"] == b"hello"


def test_later_versions_are_read_as_version_1(tmp_path: Path) -> None:
    image = with_memmap([Entry(MIB, MIB)])
    start_info = images.start_info(memmap_at=0x100003, entries=1, version=7)
    image.pieces[0] = (0x5001, start_info + bytes(64))
    assert parse(image, tmp_path)["ram"] == [[MIB, 2 * MIB]]


def test_a_wrong_magic_number_is_refused(tmp_path: Path) -> None:
    image = Image(entry=0x6000)
    image.add(0x6000, images.start_info(memmap_at=0x6000, entries=1, magic=0x2BADB002))
    assert parse(image, tmp_path)["status"].startswith("no PVH start_info")


@pytest.mark.parametrize("entry", [0, PHYS_LIMIT, (1 << 64) - 8])
def test_an_unreadable_start_info_is_refused(entry: int, tmp_path: Path) -> None:
    image = images.cloud_hypervisor()
    image.entry = entry
    assert parse(image, tmp_path)["status"] == "the PVH start_info is not in readable memory"


@pytest.mark.parametrize("size", [39, 40, 55])
def test_a_start_info_cut_short_is_refused(size: int, tmp_path: Path) -> None:
    image = with_memmap([Entry(MIB, MIB)])
    image.pieces[0] = (0x5001, image.pieces[0][1][:size])
    result = parse(image, tmp_path)
    assert result["status"] == "the PVH start_info is not in readable memory"
    assert result["ram"] == []


def test_a_memory_map_cut_short_is_refused_as_a_whole(tmp_path: Path) -> None:
    result = parse(with_memmap([Entry(MIB, MIB)], count=2), tmp_path)
    assert result["status"] == "the memory map is not in readable memory"
    assert result["ram"] == []


def test_a_memory_map_at_the_end_of_the_address_space_does_not_wrap(tmp_path: Path) -> None:
    image = Image(entry=0x6000)
    at = (1 << 64) - 24
    image.add(0x6000, images.start_info(memmap_at=at, entries=2))
    image.add(at, Entry(MIB, MIB).encode())
    image.add(0, Entry(MIB, MIB).encode())
    assert parse(image, tmp_path)["status"] == "the memory map is not in readable memory"


def test_a_memory_map_too_long_is_refused_since_it_could_hold_reservations(tmp_path: Path) -> None:
    entries = [Entry(MIB, 4 * MIB)] * (MEMMAP_MAX - 1) + [Entry(2 * MIB, MIB, RESERVED)]
    assert parse(with_memmap(entries), tmp_path)["ram"] == [[MIB, 2 * MIB], [3 * MIB, 5 * MIB]]
    result = parse(with_memmap([*entries, entries[0]]), tmp_path)
    assert result["status"] == "the memory map has more than 4096 entries"
    assert result["ram"] == []


def test_a_memory_map_at_address_0_is_none(tmp_path: Path) -> None:
    image = Image(entry=0x6000)
    image.add(0x6000, images.start_info(memmap_at=0, entries=1))
    image.add(0, Entry(MIB, MIB).encode())
    assert parse(image, tmp_path)["status"].startswith("the PVH start_info has no memory map")


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [Entry(MIB, MIB, RESERVED)],
        [Entry(MIB, 0)],
        [Entry(MIB + 1, PAGE)],
        [Entry(MIB, MIB), Entry(0, (1 << 64) - 1, RESERVED)],
    ],
)
def test_a_map_without_a_whole_page_of_ram_is_refused(entries: list[Entry], tmp_path: Path) -> None:
    result = parse(with_memmap(entries), tmp_path)
    assert result["status"] != OK
    assert result["ram"] == []


@pytest.mark.parametrize(
    ("entries", "ram"),
    [
        # Unsorted, overlapping, touching.
        ([Entry(8 * MIB, MIB), Entry(MIB, MIB), Entry(2 * MIB, MIB)], [(1, 3), (8, 9)]),
        ([Entry(MIB, 4 * MIB), Entry(2 * MIB, 8 * MIB)], [(1, 10)]),
        # A reservation wins, before and after the RAM that it is part of.
        ([Entry(2 * MIB, MIB, 2), Entry(MIB, 4 * MIB)], [(1, 2), (3, 5)]),
        ([Entry(MIB, 4 * MIB), Entry(2 * MIB, MIB, 5)], [(1, 2), (3, 5)]),
        # Types that are not known are reserved.
        ([Entry(MIB, 4 * MIB), Entry(2 * MIB, MIB, 0)], [(1, 2), (3, 5)]),
        ([Entry(MIB, 4 * MIB), Entry(4 * MIB, MIB, 0xFFFFFFFF)], [(1, 4)]),
        # One that wraps reserves up to the end.
        ([Entry(MIB, 8 * MIB), Entry(4 * MIB, (1 << 64) - 1, RESERVED)], [(1, 4)]),
        ([Entry(MIB, MIB), Entry(4 * MIB, 0, RESERVED), Entry(5 * MIB, 0)], [(1, 2)]),
    ],
)
def test_memory_map(entries: list[Entry], ram: list[tuple[int, int]], tmp_path: Path) -> None:
    result = parse(with_memmap(entries), tmp_path)
    assert result["ram"] == [[start * MIB, end * MIB] for start, end in ram]
    assert result["problems"] == []


def test_partial_pages_are_joined_before_they_are_rounded(tmp_path: Path) -> None:
    entries = [
        Entry(MIB + 5, 0x1800),
        Entry(MIB + 0x1805, 0x1000),
        Entry(2 * MIB, PAGE * 4),
        Entry(2 * MIB + PAGE + 1, 1, RESERVED),
    ]
    result = parse(with_memmap(entries), tmp_path)
    assert result["ram"] == [
        [MIB + PAGE, MIB + 2 * PAGE],
        [2 * MIB, 2 * MIB + PAGE],
        [2 * MIB + 2 * PAGE, 2 * MIB + 4 * PAGE],
    ]


@pytest.mark.parametrize(
    ("bad", "ram"),
    [
        (Entry(PHYS_LIMIT, MIB), []),
        (Entry(GIB, (1 << 64) - GIB), []),
        (Entry(GIB, (1 << 64) - 1), []),
        (Entry(GIB, (1 << 64) - 1 - GIB), [[GIB, PHYS_LIMIT]]),
        (Entry(GIB, PHYS_LIMIT), [[GIB, PHYS_LIMIT]]),
    ],
)
def test_ram_beyond_any_address_is_left_out(bad: Entry, ram: list[Any], tmp_path: Path) -> None:
    result = parse(with_memmap([bad, Entry(MIB, MIB)]), tmp_path)
    assert result["status"] == OK
    assert result["ram"][0] == [MIB, 2 * MIB]
    assert result["ram"][1:] == ram
    assert result["problems"] == ["the memory map has RAM beyond any physical address: not used"]


def test_ram_up_to_the_last_address_is_used(tmp_path: Path) -> None:
    result = parse(with_memmap([Entry(PHYS_LIMIT - GIB, GIB)]), tmp_path)
    assert result["ram"] == [[PHYS_LIMIT - GIB, PHYS_LIMIT]]
    assert result["problems"] == []


def model(entries: list[Entry]) -> list[list[int]]:
    """The RAM that such a map stands for, interval by interval."""
    edges = sorted({edge for e in entries for edge in (e.start, e.start + e.size)})
    pieces: list[list[int]] = []
    for start, end in itertools.pairwise(edges):
        kinds = {e.kind for e in entries if e.start <= start and end <= e.start + e.size}
        if kinds == {RAM}:
            if pieces and pieces[-1][1] == start:
                pieces[-1][1] = end
            else:
                pieces.append([start, end])
    rounded = [[-(-start // PAGE) * PAGE, end // PAGE * PAGE] for start, end in pieces]
    return [[start, end] for start, end in rounded if start < end]


@pytest.mark.parametrize("seed", range(12))
def test_random_maps_agree_with_a_simple_model(seed: int, tmp_path: Path) -> None:
    source = random.Random(seed)
    entries = []
    for _ in range(source.randrange(1, 60)):
        start = source.randrange(256) * 2 * KIB + source.choice([0, 0, 0, 1, 100])
        size = source.randrange(64) * KIB + source.choice([0, 0, 1])
        entries.append(Entry(start, size, source.choice([RAM, RAM, RAM, RESERVED, 3, 7])))
    result = parse(with_memmap(entries), tmp_path)
    expected = model(entries)
    assert result["ram"] == expected
    assert (result["status"] == OK) == bool(expected)


def test_with_too_many_pieces_ram_is_lost_but_no_reservation(tmp_path: Path) -> None:
    ram = [Entry(MIB + i * 4 * PAGE, 3 * PAGE) for i in range(2 * RANGES_MAX)]
    holes = [Entry(e.start + PAGE, PAGE, RESERVED) for e in ram]
    result = parse(with_memmap([*ram, *holes, Entry(GIB, GIB)]), tmp_path)
    assert result["status"] == OK
    assert [GIB, 2 * GIB] in result["ram"]
    assert len(result["ram"]) <= RANGES_MAX
    assert len(result["problems"]) == 1
    assert result["problems"][0].startswith("the memory map is in too many pieces")
    assert all(piece in model([*ram, *holes, Entry(GIB, GIB)]) for piece in result["ram"])


def with_modules(modules: list[tuple[int, int]], count: int | None = None) -> Image:
    image = with_memmap([Entry(MIB, MIB)])
    count = len(modules) if count is None else count
    start_info = images.start_info(memmap_at=0x100003, entries=1, modules=count, modules_at=0x8005)
    image.pieces[0] = (0x5001, start_info)
    image.add(0x8005, b"".join(images.module(start, size) for start, size in modules))
    return image


def test_impossible_modules_are_left_out_and_reported(tmp_path: Path) -> None:
    modules = [(MIB, (1 << 64) - MIB), (PHYS_LIMIT, 1), (0x1234567, 89), ((1 << 64) - 1, 2)]
    result = parse(with_modules(modules), tmp_path)
    assert result["modules"] == [[0x1234567, 89]]
    assert result["problems"] == ["a boot module has an impossible address or size: not seen"]


def test_a_module_may_end_at_the_last_address(tmp_path: Path) -> None:
    result = parse(with_modules([(PHYS_LIMIT - 5, 5)]), tmp_path)
    assert (result["modules"], result["problems"]) == ([[PHYS_LIMIT - 5, 5]], [])


def test_empty_modules_are_none(tmp_path: Path) -> None:
    result = parse(with_modules([(MIB, 0), (MIB, 1)]), tmp_path)
    assert result["modules"] == [[MIB, 1]]
    assert result["problems"] == []


def test_a_module_list_that_is_not_readable_is_no_reason_to_stop(tmp_path: Path) -> None:
    result = parse(with_modules([(MIB, 1)], count=2), tmp_path)
    assert (result["status"], result["modules"]) == (OK, [[MIB, 1]])
    assert result["problems"] == ["a boot module has an impossible address or size: not seen"]


def test_more_modules_than_fit_are_reported(tmp_path: Path) -> None:
    result = parse(with_modules([(MIB, size) for size in range(1, 6)]), tmp_path)
    assert result["modules"] == [[MIB, size] for size in range(1, 5)]
    assert result["problems"] == ["more than 4 boot modules: the others are not seen"]
    assert parse(with_modules([(MIB, 1)] * 4, count=0xFFFFFFFF), tmp_path)["status"] == OK


def with_cmdline(address: int, content: bytes) -> Image:
    image = with_memmap([Entry(MIB, MIB)])
    start_info = images.start_info(memmap_at=0x100003, entries=1, cmdline_at=address)
    image.pieces[0] = (0x5001, start_info)
    image.add(address, content)
    return image


TRUNCATED = ["the command line has no end: cut"]


@pytest.mark.parametrize("address", [0x20000, 0x20FFF, 0x20801])
@pytest.mark.parametrize("length", [0, 1, 4095, 4096, 4097, 65534, 65535])
def test_a_command_line_of_any_length_is_whole(length: int, address: int, tmp_path: Path) -> None:
    text = bytes(33 + i % 90 for i in range(length))
    # Readable up to the end of the page that its NUL is in.
    content = text + bytes(PAGE - (address + length) % PAGE)
    result = parse(with_cmdline(address, content), tmp_path)
    assert result["cmdline"] == text
    assert result["problems"] == []


def test_a_command_line_too_long_is_cut(tmp_path: Path) -> None:
    result = parse(with_cmdline(0x20000, b"x" * 65536 + bytes(PAGE)), tmp_path)
    assert result["cmdline"] == b"x" * 65535
    assert result["problems"] == TRUNCATED


def test_a_command_line_that_runs_out_of_memory_is_cut(tmp_path: Path) -> None:
    result = parse(with_cmdline(0x20000, b"y" * 3 * PAGE), tmp_path)
    assert result["cmdline"] == b"y" * 3 * PAGE
    assert result["problems"] == TRUNCATED
    result = parse(with_cmdline((1 << 64) - PAGE, b"z" * PAGE), tmp_path)
    assert result["cmdline"] == b"z" * PAGE


def test_an_unreadable_command_line_is_empty(tmp_path: Path) -> None:
    image = images.cloud_hypervisor()
    image.pieces = [piece for piece in image.pieces if piece[0] != 0x20000]
    result = parse(image, tmp_path)
    assert (result["status"], result["cmdline"], result["problems"]) == (OK, b"", TRUNCATED)
