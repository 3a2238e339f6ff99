# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What a benchmark is, and what it leaves: tables for a person, a JSON file for a program."""

import json
import os
import platform
import re
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .. import sources
from ..paths import BUILD

DIRECTORY = BUILD / "bench"

Figures = dict[str, Any]
"""What was measured, as JSON can hold it. Each benchmark's module says what is in it."""


@dataclass(frozen=True)
class Budget:
    """A limit of ARCHITECTURE's budgets, and the figure that it limits."""

    what: str
    value: float
    limit: float
    unit: str
    at_least: bool = False
    """Whether `limit` is the least, not the most."""

    @property
    def met(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def as_json(self) -> Figures:
        kind = "at_least" if self.at_least else "at_most"
        return {
            "what": self.what,
            "value": self.value,
            kind: self.limit,
            "unit": self.unit,
            "met": self.met,
        }


@dataclass(frozen=True)
class Benchmark:
    """One of `./inv bench`."""

    name: str
    about: str
    packages: Sequence[str]
    """The groups of tools.host that it needs."""
    measure: Callable[[], Figures]
    tables: Callable[[Figures], Iterable[Table]]
    budgets: Callable[[Figures], list[Budget]]
    versions: Callable[[], dict[str, str]]
    """Of the programs that it compares or runs on, by name."""


def write(benchmark: Benchmark, figures: Figures) -> Path:
    """Write build/bench/NAME.json."""
    content = {
        "benchmark": benchmark.name,
        "command": f"./inv bench {benchmark.name}",
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "host": host_facts(),
        "versions": {**common_versions(), **benchmark.versions()},
        "budgets": [budget.as_json() for budget in benchmark.budgets(figures)],
        "figures": figures,
    }
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    path = DIRECTORY / f"{benchmark.name}.json"
    # Whole or not at all, for whoever reads it meanwhile.
    partial = path.with_suffix(".json.partial")
    partial.write_text(json.dumps(content, indent=2) + "\n")
    partial.replace(path)
    return path


def show(benchmark: Benchmark, figures: Figures, console: Console) -> None:
    """Print the tables, and the budgets if there are some."""
    for one in benchmark.tables(figures):
        console.print(one)
    budgets = benchmark.budgets(figures)
    if budgets:
        console.print(budget_table(budgets))


def budget_table(budgets: Iterable[Budget]) -> Table:
    shown = table("Budgets", ["", "measured", "budget", ""])
    for budget in budgets:
        shown.add_row(
            escape(budget.what),
            f"{amount(budget.value)} {budget.unit}",
            f"{'≥' if budget.at_least else '≤'} {amount(budget.limit)} {budget.unit}",
            "[green]met[/green]" if budget.met else "[bold red]MISSED[/bold red]",
        )
    return shown


def table(title: str, columns: Iterable[str]) -> Table:
    """An empty table: its first column is text, the others are numbers."""
    made = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        made.add_column(column, justify="right" if index else "left", overflow="fold")
    return made


def added_table(
    title: str, columns: Iterable[str], rows: Mapping[str, str], before: Figures, after: Figures
) -> Table:
    """What of figures by their keys is more than before. `rows`: keys by their titles."""
    shown = table(title, columns)
    for name, key in rows.items():
        shown.add_row(name, *map(amount, (before[key], after[key], after[key] - before[key])))
    return shown


def amount(value: float) -> str:
    """A number for a table: 69,490 or 1.014."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.3f}"


def common_versions() -> dict[str, str]:
    gcc = subprocess.run(["gcc", "--version"], capture_output=True, text=True, check=True)
    return {"MicroPython": sources.micropython().name, "gcc": gcc.stdout.splitlines()[0]}


def host_facts() -> Figures:
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {
        "cpu": model[1] if model else platform.machine(),
        "cpus": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        "kernel": platform.release(),
        "python": platform.python_version(),
    }
