# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The libFuzzer targets: what they begin with, how they are run, and what they say at the end.

A finding is kept in build/host/ as FUZZER-crash-*; `build/host/FUZZER FILE` repeats it.
"""

import random
import re
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.host import acpi_images, disk_images, images, net_frames, programs, smbios_images
from tests.host.disk_images import Disk, Gpt, GptEntry, mbr, mbr_entry
from tests.host.images import GIB, MIB, RESERVED, Entry
from tools import host
from tools.errors import UserError, WorkFailed
from tools.romfs import make_romfs
from tools.terminal import progress

CORPORA = programs.BUILD / "corpus"
# Beyond the time asked for: to compile, to read the seeds, to end.
SLACK_S = 90


def with_memmap(entries: list[Entry]) -> images.Image:
    image = images.Image(entry=0x6000)
    image.add(0x6000, images.start_info(memmap_at=0x7000, entries=len(entries)))
    image.add(0x7000, b"".join(entry.encode() for entry in entries))
    return image


def boot_info_seeds() -> list[bytes]:
    everything = (1 << 64) - 1
    pieces = [Entry(n * MIB, MIB - 4096) for n in range(170)]
    holes = [Entry(n * MIB + 4096, 5000, RESERVED) for n in range(160)]
    return [
        image.encode()
        for image in (
            images.cloud_hypervisor(4 * GIB, b"heap=64M 'a b'", initramfs=12345),
            images.qemu(8 * GIB, b"oncrash=reset"),
            with_memmap([Entry(n * MIB, MIB, 1 + n % 3) for n in range(40)]),
            with_memmap([*pieces, *holes]),
            with_memmap([Entry(MIB, everything), Entry(0, GIB), Entry(MIB + 1, everything, 7)]),
        )
    ]


def acpi_seeds() -> list[bytes]:
    both = acpi_images.cloud_hypervisor(cpus=2, max_cpus=4)
    both.pieces[-1] = (both.entry, acpi_images.rsdp(0xA0024, both.pieces[-2][0]))
    return [
        image.encode(repair_checksums=repair)
        for image in (acpi_images.cloud_hypervisor(4, 8), acpi_images.qemu(4), both)
        for repair in (False, True)
    ]


def acpi_table_seeds() -> list[bytes]:
    signatures = [b"APIC", b"FACP", b"MCFG", b"DSDT"]
    return [
        bytes([signatures.index(content[:4])]) + content[acpi_images.HEADER_SIZE :]
        for image in (acpi_images.cloud_hypervisor(3, 5), acpi_images.qemu(3))
        for _, content in image.pieces
        if content[:4] in signatures
    ]


def cmdline_seeds() -> list[bytes]:
    return [
        b'heap=64M oncrash=reset -- a \'b c\' "d\\"e" f\\ g',
        b"'' \"\" \\\n x=0x10K y=-5 z=18446744073709551615T 'open",
    ]


def page_alloc_seeds() -> list[bytes]:
    source = random.Random(1)
    return [source.randbytes(size) for size in (100, 300, 600, 1200, 2400)]


def smbios_seeds() -> list[bytes]:
    return [smbios_images.cloud_hypervisor().encode(), smbios_images.qemu().encode()]


def romfs_seeds() -> list[bytes]:
    files = {"main.py": b"print(1)\n", "lib/a.mpy": bytes(300), "lib/d/e/f": b"x"}
    pointer = b"\xd2\xcd\x31\x0d\x02\x02hi\x05\x07\x01p\x03\x03\x02\x02\x00"
    return [b"\1" + make_romfs(files), b"\0" + make_romfs({"settings": b"a=b"}), b"\0" + pointer]


def partitions_seeds() -> list[bytes]:
    extended = Disk(90000).write(0, mbr(mbr_entry(0x83, 63, 900), mbr_entry(5, 1000, 80000)))
    extended.write(1000, mbr(mbr_entry(0x0B, 63, 100), mbr_entry(5, 500, 900)))
    extended.write(1500, mbr(mbr_entry(0x82, 1, 300)))
    entries = (GptEntry(60, 99, "data"), None, GptEntry(100, 100, "\U0001f40dé"))
    gpts = [
        Gpt(entries, entry_count=8).write(Disk(4000)),
        Gpt(entries, entry_count=8).write(Disk(4000), primary=False),
        Gpt(entries, entry_count=3, entry_size=136).write(Disk(500, sector_size=4096)),
    ]
    fat = Disk(30000).write(0, disk_images.fat_boot_sector())
    return [bytes([repair]) + disk.encode() for disk in (extended, *gpts, fat) for repair in (0, 1)]


def fs_probe_seeds() -> list[bytes]:
    littlefs = disk_images.littlefs_block(block_count=9, later=(8, 7))
    second = disk_images.littlefs_block(16384, 3, revision=7)
    disks = [
        Disk(30000).write(0, disk_images.fat_boot_sector(label=b"A LABEL    ")),
        Disk(1 << 20).write(0, disk_images.fat32_boot_sector()),
        Disk(90).write(0, littlefs).write(8, littlefs),
        Disk(90).write(32, second),
        Disk(90, sector_size=4096).write(0, make_romfs({"a": b"b"})),
        Disk(90).write(2, b"\x53\xef", 0x38).write(2, b"\xff" * 12, 0x5C),
        Disk(900).write(64, b"\1CD001").write(128, b"_BHRfS_M", 64).write(128, b"label", 0x12B),
        Disk(900).write(7, b"SWAPSPACE2", 502).write(2, b"label", 28),
    ]
    return [bytes([repair, 0]) + disk.encode() for disk in disks for repair in (0, 1)]


TRANSFER_SETUP = """
shared = []
text = "some text"
loop = [1]
loop.append(loop)
"""
TRANSFER_VALUES = [
    "[None, True, ..., NotImplemented, 5, -70000, 1 << 100, -(1 << 100), 1.5, complex(1, 2)]",
    "['a text', b'bytes', bytearray(b'abc'), '', range(1, 9, 2), '\\u20ac']",
    "[(1, 2), [3, [4]], {'a': 1, (2, 3): [4]}, {1, 'b'}, frozenset([5, (6, frozenset([7]))])]",
    "[len, ValueError('a', 1), OSError, {int: 5}]",
    "[shared, shared, (shared, shared), text, {text: text}, loop]",
    "{i: str(i) for i in range(100)}",
]


def transfer_seeds() -> list[bytes]:
    made = [programs.run("probe_transfer", TRANSFER_SETUP, value) for value in TRANSFER_VALUES]
    return [done.stdout for done in made]


def virtio_seeds() -> list[bytes]:
    """Of each size a device that lies and one that does not: the first bit."""
    source = random.Random(2)
    bodies = [(lies, source.randbytes(size)) for size in (250, 500, 1000, 2000) for lies in (0, 1)]
    return [bytes([body[0] & 0xFE | lies]) + body[1:] for lies, body in bodies]


def lwip_seeds() -> list[bytes]:
    """A frame of each kind, to a machine with a static address and to one that asks for one."""
    frames = net_frames.frames()
    alone = [bytes([asks]) + net_frames.record(frame) for asks in (0, 1) for frame in frames]
    handshake = b"\0" + b"".join(map(net_frames.record, net_frames.connection()))
    asked = b"\0" + b"".join(net_frames.action(bytes([i, i])) for i in range(6))
    kept = b"\0" + b"".join(net_frames.kept_connection())
    ended = [kept + net_frames.reopened(), kept + 2 * net_frames.passing(40000)]
    return [
        *alone,
        *ended,
        handshake,
        asked + net_frames.passing(5000),
        b"\1" + net_frames.passing(20000),
    ]


# The longest input tried, in bytes, and the seeds.
FUZZERS: dict[str, tuple[int, Callable[[], list[bytes]]]] = {
    "fuzz_boot_info": (8192, boot_info_seeds),
    "fuzz_acpi": (8192, acpi_seeds),
    "fuzz_acpi_table": (4096, acpi_table_seeds),
    "fuzz_cmdline": (1024, cmdline_seeds),
    "fuzz_page_alloc": (2400, page_alloc_seeds),
    "fuzz_smbios": (70000, smbios_seeds),
    "fuzz_romfs": (2048, romfs_seeds),
    "fuzz_partitions": (8192, partitions_seeds),
    "fuzz_fs_probe": (4096, fs_probe_seeds),
    "fuzz_virtio_blk": (2048, virtio_seeds),
    "fuzz_virtio_net": (2048, virtio_seeds),
    "fuzz_transfer": (1024, transfer_seeds),
    "fuzz_lwip": (4096, lwip_seeds),
}


def fuzz(name: str, seconds: int, corpus: Path) -> dict[str, int]:
    """Run it from its seeds, and what `corpus` holds already and then holds too. Returns what it
    has counted; "runs" are among that. AssertionError where it has found something."""
    max_len, make_seeds = FUZZERS[name]
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(make_seeds()):
        assert len(seed) <= max_len
        (corpus / f"seed-{number}").write_bytes(seed)
    done = programs.run(
        name,
        f"-max_total_time={seconds}",
        f"-max_len={max_len}",
        "-len_control=0",
        "-timeout=10",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
        "-print_funcs=0",  # Their names would come from a process that may end after the fuzzer.
        f"-artifact_prefix={programs.BUILD / name}-",
        str(corpus),
        timeout=seconds + SLACK_S + len(list(corpus.iterdir())) // 10,
    )
    stats = re.findall(rb"stat::(\w+): *(\d+)", done.stderr)
    counted = {key.decode(): int(value) for key, value in stats}
    counted["runs"] = counted.pop("number_of_executed_units")
    return counted


PROGRESS = re.compile(r"^(#\d+\t|INFO: ).*\n", re.MULTILINE)
LIBFUZZER_OWN = (
    *("average_exec_per_sec", "new_units_added", "slowest_unit_time_sec", "peak_rss_mb", "runs"),
)


def main(wanted: str, seconds: int) -> int:
    """The `fuzz` task: run one target, or each, for so long; print what they have counted."""
    names = [name for name in FUZZERS if name == wanted or not wanted]
    if not names:
        raise UserError(f"There is no fuzzer {wanted!r}.", f"There are {', '.join(FUZZERS)}.")
    host.require("test")
    table = Table("fuzzer", "runs", "what it counts")
    for name in names:
        try:
            with progress(f"Running {name} for {seconds} s"):
                counted = fuzz(name, seconds, CORPORA / name)
        except AssertionError as finding:
            raise WorkFailed(PROGRESS.sub("", str(finding))) from None
        own = [f"{key} {value:,}" for key, value in counted.items() if key not in LIBFUZZER_OWN]
        table.add_row(name, f"{counted['runs']:,}", ", ".join(own))
    Console(highlight=False).print(table)
    return 0
