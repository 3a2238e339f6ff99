# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""`./inv bench smp`: interpreters and threads on several CPUs."""

from collections.abc import Iterator

from rich.table import Table

from ..build import build
from ..vmm import qemu
from . import smp_interpreter, smp_speedup, smp_waits
from .report import Benchmark, Budget, Figures


def measure() -> Figures:
    """Keys: `speed_up`, `interpreter`, `waits`, each as its module says."""
    kernel = build().elf
    return {
        "interpreter": smp_interpreter.measure(kernel),
        "waits": smp_waits.measure(kernel),
        "speed_up": smp_speedup.measure(kernel),
    }


def budgets(figures: Figures) -> list[Budget]:
    return [
        *smp_speedup.budgets(figures["speed_up"]),
        *smp_interpreter.budgets(figures["interpreter"]),
    ]


def tables(figures: Figures) -> Iterator[Table]:
    yield from smp_speedup.tables(figures["speed_up"])
    yield from smp_interpreter.tables(figures["interpreter"])
    yield from smp_waits.tables(figures["waits"])


def versions() -> dict[str, str]:
    return {"QEMU": qemu.version()}


SMP = Benchmark(
    name="smp",
    about="interpreters and threads on several CPUs",
    packages=("build", "run"),
    measure=measure,
    tables=tables,
    budgets=budgets,
    versions=versions,
)
