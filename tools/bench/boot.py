# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""`./inv bench boot`: what it costs from the PVH entry to the prompt, or to an application.

Counts, not times: instructions in QEMU, and on the real Cloud Hypervisor VM exits, pages and the
VMM's memory, the last two against a guest that only halts.
"""

import statistics
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from tests.guests import build_guest

from .. import boards
from ..build import build
from ..guest import PROMPT
from ..vmm import cloud_hypervisor_cli, qemu
from ..vmm.disk import Disk
from ..vmm.nested import shared_linux
from ..vmm.nic import Nic
from . import boot_application, boot_exits, boot_instructions
from .report import Benchmark, Budget, Figures, amount, table

_BOOTS = 3
_FUNCTIONS_SHOWN = 12
_EXIT_PLACES_SHOWN = 15

# KVM's names of exits that a reader may not know.
REASONS = {"io": "port I/O, the console's bytes included", "interrupt": "the host's interrupts"}

INSTRUCTIONS = 100_000
EXITS = 100
MEMORY = 1 << 20


def measure() -> Figures:
    """Keys: `instructions` as boot_instructions.measure, and so `minimal_instructions`, of the
    minimal board; `target`: by setting of transparent huge pages and guest ("halt", "prompt"; with
    them off also "minimal") the figures of boot_exits.measure, of the boot with the median number
    of exits, and `all_exits_beside_console`; `applications`: by the way in which an application was
    flashed, see boot_application.measure."""
    kernel, minimal = build(boards.DEFAULT).elf, build("minimal").elf
    target: Figures = {}
    with tempfile.TemporaryDirectory(prefix="halt-") as directory:
        halt = build_guest("halt", Path(directory))
        for huge_pages in ("never", "always"):
            target[huge_pages] = {
                "halt": median_boot(halt, huge_pages, None),
                "prompt": median_boot(kernel, huge_pages, PROMPT),
            }
        target["never"]["minimal"] = median_boot(minimal, "never", PROMPT)
    return {
        "instructions": boot_instructions.measure(kernel),
        "minimal_instructions": boot_instructions.measure(minimal),
        "target": target,
        "applications": boot_application.measure(median_boot),
    }


def median_boot(
    kernel: Path,
    huge_pages: str,
    awaited: bytes | None,
    initramfs: Path | None = None,
    disks: Sequence[Disk] = (),
    nics: Sequence[Nic] = (),
    cmdline: str = "",
) -> dict[str, Any]:
    boots = [
        boot_exits.measure(kernel, huge_pages, awaited, initramfs, disks, nics, cmdline)
        for _ in range(_BOOTS)
    ]
    exits = [boot["exits_beside_console"] for boot in boots]
    chosen = boots[exits.index(statistics.median_low(exits))]
    return {**chosen, "all_exits_beside_console": exits}


def growth(figures: Figures) -> int:
    """Bytes by which the VMM process is larger than with the guest that only halts, THP off."""
    off = figures["target"]["never"]
    return int(off["prompt"]["rss_anon"] - off["halt"]["rss_anon"])


def budgets(figures: Figures) -> list[Budget]:
    """ARCHITECTURE's, all with transparent huge pages off where that matters."""
    off = figures["target"]["never"]["prompt"]
    return [
        Budget(
            "instructions from the PVH entry to the prompt",
            figures["instructions"]["instructions_to_prompt"],
            INSTRUCTIONS,
            "",
        ),
        Budget("VM exits beside the console's bytes", off["exits_beside_console"], EXITS, ""),
        Budget("VMM process beyond the halting guest's", growth(figures), MEMORY, "bytes"),
    ]


def tables(figures: Figures) -> Iterator[Table]:
    yield instruction_table("default board", figures["instructions"])
    yield instruction_table("minimal board", figures["minimal_instructions"])
    yield target_table(figures["target"])
    yield exit_table(figures["target"]["never"]["prompt"])
    yield boot_application.ways_table(figures["applications"])


def instruction_table(board: str, figures: Figures) -> Table:
    shown = table(f"Instructions, QEMU, {board}", ["function", "to the prompt"])
    functions = list(figures["by_function"].items())
    for name, count in functions[:_FUNCTIONS_SHOWN]:
        shown.add_row(name, amount(count))
    rest = functions[_FUNCTIONS_SHOWN:]
    shown.add_row(f"{len(rest)} others", amount(sum(count for _, count in rest)))
    shown.add_section()
    shown.add_row("all", amount(figures["instructions_to_prompt"]))
    shown.add_row("until the guest halts", amount(figures["instructions_until_it_waits"]))
    return shown


def target_table(figures: Figures) -> Table:
    guests = [
        (f"{guest}, THP {setting}", one)
        for setting, by_guest in figures.items()
        for guest, one in by_guest.items()
    ]
    shown = table("Cloud Hypervisor, nested", ["", *(name for name, _ in guests)])
    rows = {
        "VM exits": "exits",
        "bytes on the console": "console_bytes",
        "VM exits beside them": "exits_beside_console",
        "pages touched by the guest": "touched_guest_pages",
        "guest pages resident": "resident_guest_pages",
        "VMM RssAnon, bytes": "rss_anon",
    }
    for title, key in rows.items():
        shown.add_row(title, *(amount(one[key]) for _, one in guests))
    return shown


def exit_table(figures: Figures) -> Table:
    """Where the exits come from, with transparent huge pages off."""
    shown = table("VM exits to the prompt, THP never", ["reason", "exits"])
    for reason, count in figures["exits_by_reason"].items():
        shown.add_row(REASONS.get(reason, reason), str(count))
    shown.add_section()
    places = [
        (count, f"{reason} in {function}")
        for reason, functions in figures["exits_by_function"].items()
        for function, count in functions.items()
    ]
    for count, place in sorted(places, key=lambda item: -item[0])[:_EXIT_PLACES_SHOWN]:
        shown.add_row(place, str(count))
    shown.add_section()
    for section, count in figures["touched_by_section"].items():
        shown.add_row(f"{boot_exits.FIRST_TOUCH} in {section}", str(count))
    return shown


def versions() -> dict[str, str]:
    program = cloud_hypervisor_cli.require()
    return {
        "QEMU": qemu.version(),
        "Cloud Hypervisor": cloud_hypervisor_cli.version_of(program),
        "Linux of L1": shared_linux().read_file("/proc/sys/kernel/osrelease").decode().strip(),
    }


BOOT = Benchmark(
    name="boot",
    about="from the PVH entry to the prompt",
    packages=("build", "run"),
    measure=measure,
    tables=tables,
    budgets=budgets,
    versions=versions,
)
