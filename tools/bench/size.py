# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""`./inv bench size`: the bytes of each board's firmware, against its budget."""

from collections.abc import Iterator
from dataclasses import asdict

from rich.table import Table

from .. import boards, sizes
from ..build import build
from .report import Benchmark, Budget, Figures, amount, table

BUDGETS = {boards.DEFAULT: 1 << 20, "minimal": 176 << 10}


def measure() -> Figures:
    """By board, the keys of tools.sizes.Sizes, all in bytes."""
    return {board: asdict(sizes.measure(build(board))) for board in BUDGETS}


def tables(figures: Figures) -> Iterator[Table]:
    """The parts of the default board, and all boards side by side."""
    yield sizes.table(sizes.Sizes(**figures[boards.DEFAULT]))
    shown = table("Boards, bytes", ["", *figures])
    for part in figures[boards.DEFAULT]["parts"]:
        shown.add_row(part, *(amount(one["parts"].get(part, 0)) for one in figures.values()))
    shown.add_section()
    for section in (".text", ".rodata", ".data", ".window_data"):
        shown.add_row(section, *(amount(one["sections"][section]) for one in figures.values()))
    shown.add_section()
    shown.add_row("firmware.elf", *(amount(one["file"]) for one in figures.values()))
    yield shown


def budgets(figures: Figures) -> list[Budget]:
    return [
        Budget(f"firmware.elf, {board}", figures[board]["file"], limit, "bytes")
        for board, limit in BUDGETS.items()
    ]


SIZE = Benchmark(
    name="size",
    about="what takes the firmware's bytes",
    packages=("build",),
    measure=measure,
    tables=tables,
    budgets=budgets,
    versions=dict,
)
