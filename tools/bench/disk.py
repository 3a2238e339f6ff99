# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""`./inv bench disk`: the raw disk and files beside Linux's direct I/O, and what a disk adds to a
boot."""

import statistics
from collections.abc import Iterator
from functools import partial

from rich.table import Table

from ..vmm import cloud_hypervisor_cli, make_vmm, qemu
from . import disk_boot, disk_count, disk_files, disk_raw, fio, linux_guest
from .disk_job import MIB
from .disk_pair import make_pair, scratch
from .report import Benchmark, Budget, Figures, added_table, amount, table

RATIO = 0.95
BOOT_EXITS = 300
"""With a disk mounted, and the network started."""


def benchmark(vmm: str) -> Benchmark:
    """`vmm`: the back end on which the two guests are compared."""
    return Benchmark(
        name="disk",
        about=f"disks and files, beside Linux's direct I/O on {vmm}",
        packages=("build", "run", "disk"),
        measure=partial(measure, vmm),
        tables=tables,
        budgets=budgets,
        versions=versions,
    )


def measure(vmm: str) -> Figures:
    """Keys: `vmm`; `raw` as disk_raw.measure; `instructions` as disk_count.measure; `files` as
    disk_files.measure; `boot` as disk_boot.measure."""
    make_vmm(vmm)  # UserError for a name that is none.
    with scratch() as directory:
        pair = make_pair(directory)
        return {
            "vmm": vmm,
            "raw": disk_raw.measure(pair, vmm),
            "instructions": disk_count.measure(pair),
            "files": disk_files.measure(pair, vmm, directory),
            "boot": disk_boot.measure(pair.firmware, directory),
        }


def budgets(figures: Figures) -> list[Budget]:
    raw = figures["raw"]
    worst = min(raw, key=lambda name: float(raw[name]["ratio"]))
    counted = figures["instructions"]
    dearest = min(counted, key=lambda name: counted_ratio(counted[name]))
    exits = figures["boot"]["littlefs"]["exits_beside_console"]
    return [
        Budget(f"raw disk : Linux, least: {worst}", raw[worst]["ratio"], RATIO, "", at_least=True),
        Budget(
            f"the same in instructions, least: {dearest}",
            counted_ratio(counted[dearest]),
            RATIO,
            "",
            at_least=True,
        ),
        Budget("VM exits of a boot with littlefs", exits, BOOT_EXITS, ""),
    ]


def counted_ratio(one: Figures) -> float:
    """Linux's instructions by ours, to three places."""
    return int(1000 * one["linux"] / max(one["ours"], 1)) / 1000


def tables(figures: Figures) -> Iterator[Table]:
    yield raw_table(figures)
    yield request_table(figures)
    for filesystem, one in figures["files"].items():
        yield file_table(_NAMES[filesystem], one)
    yield boot_table(figures["boot"])


def rate(size: int, microseconds: list[float]) -> str:
    """MiB a second, of the median."""
    value = size / MIB / (statistics.median(microseconds) / 1e6)
    return f"{value:,.2f}" if value >= 0.1 else f"{value:.1g}"


def raw_table(figures: Figures) -> Table:
    columns = ["", "MiB/s, ours", "MiB/s, Linux", "ours : Linux", "least", "greatest"]
    shown = table(f"The raw disk, {figures['vmm']}, medians of {disk_raw.ROUNDS} turns", columns)
    for name, one in figures["raw"].items():
        ours, linux = one["ours"]["microseconds"], one["linux"]["microseconds"]
        ratios = [theirs / mine for mine, theirs in zip(ours, linux, strict=True)]
        shown.add_row(
            name,
            rate(one["bytes"], ours),
            rate(one["bytes"], linux),
            mark(one["ratio"]),
            f"{min(ratios):.2f}",
            f"{max(ratios):.2f}",
        )
    return shown


def request_table(figures: Figures) -> Table:
    columns = ["for each request, ours : Linux", "VM exits", "interrupts", "instructions"]
    shown = table("What a request costs; instructions in QEMU", columns)
    for name, one in figures["raw"].items():
        counted = figures["instructions"][name]
        cells = [
            " : ".join(f"{one[who][key]:.2f}" for who in _WHO) for key in ("exits", "interrupts")
        ]
        shown.add_row(name, *cells, " : ".join(amount(counted[who]) for who in _WHO))
    return shown


_WHO = ("ours", "linux")
_NAMES = {"fat": "FAT", "littlefs": "littlefs"}


def file_table(filesystem: str, figures: Figures) -> Table:
    beside_linux = any("linux" in one for one in figures["jobs"].values())
    columns = ["MiB/s", "ours"]
    columns += ["Linux", "ours : Linux"] if beside_linux else []
    columns += ["our raw disk", "ours : raw disk"]
    shown = table(f"Files on {filesystem}, medians of {disk_files.ROUNDS} turns", columns)
    milliseconds = statistics.median(figures["first_write"]) / 1000
    reads, writes = (amount(figures["instructions"][name]) for name in ("reads", "writes"))
    shown.caption = (
        f"The first write of 4 KiB after a mount: {milliseconds:,.1f} ms. Instructions in QEMU "
        f"for 1 MiB in order: {reads} to read it, {writes} to write it."
    )
    shown.caption_justify = "left"
    for name, one in figures["jobs"].items():
        cells = [rate(one["bytes"], one["ours"])]
        if beside_linux:
            cells += [rate(one["bytes"], one["linux"]), f"{one['to_linux']:.2f}"]
        cells += [rate(one["raw_bytes"], one["raw"]), f"{one['to_raw']:.2f}"]
        shown.add_row(name, *cells)
    return shown


def boot_table(figures: Figures) -> Table:
    columns = ["", "without a disk", "with littlefs on one", "added"]
    rows = {
        "instructions, less QEMU's clocks": "instructions",
        "VM exits beside the console's bytes, THP never": "exits_beside_console",
        "pages touched by the guest": "touched_guest_pages",
    }
    return added_table("To the prompt", columns, rows, figures["none"], figures["littlefs"])


def mark(value: float) -> str:
    return f"{value:.2f}" if value >= RATIO else f"[bold red]{value:.2f}[/bold red]"


def versions() -> dict[str, str]:
    program = cloud_hypervisor_cli.find()
    found = {"Cloud Hypervisor": cloud_hypervisor_cli.version_of(program)} if program else {}
    return found | {
        "QEMU": qemu.version(),
        "Linux": linux_guest.kernel_version(),
        "fio": fio.version(),
    }
