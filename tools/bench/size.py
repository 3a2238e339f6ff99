# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""`./inv bench size`: the firmware's bytes, as `./inv size` shows them, against the budget."""

from collections.abc import Iterator
from dataclasses import asdict

from rich.table import Table

from tools import sizes
from tools.bench.report import Benchmark, Budget, Figures
from tools.build import build

FIRMWARE = 600 << 10


def measure() -> Figures:
    """The keys of tools.sizes.Sizes, all in bytes."""
    return asdict(sizes.measure(build()))


def tables(figures: Figures) -> Iterator[Table]:
    yield sizes.table(sizes.Sizes(**figures))


def budgets(figures: Figures) -> list[Budget]:
    return [Budget("firmware.elf", figures["file"], FIRMWARE, "bytes")]


SIZE = Benchmark(
    name="size",
    about="what takes the firmware's bytes",
    packages=("build",),
    measure=measure,
    tables=tables,
    budgets=budgets,
    versions=dict,
)
