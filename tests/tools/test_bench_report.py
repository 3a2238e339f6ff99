# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What a benchmark leaves behind, and what `./inv bench` refuses."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from tools import bench, host
from tools.bench import report
from tools.bench.boot import BOOT
from tools.bench.console import CONSOLE
from tools.bench.python import PYTHON
from tools.bench.report import Benchmark, Budget, Figures
from tools.bench.size import SIZE
from tools.bench.smp import SMP
from tools.errors import EXIT_USER_ERROR, UserError


@pytest.mark.parametrize(
    ("value", "at_least", "met"),
    [
        (99, False, True),
        (100, False, True),
        (101, False, False),
        (99, True, False),
        (100, True, True),
        (101, True, True),
    ],
)
def test_a_budget_is_met_up_to_its_limit(value: float, at_least: bool, met: bool) -> None:
    assert Budget("what", value, 100, "", at_least).met is met


def tables_of(figures: Figures) -> Iterator[Table]:
    shown = report.table("Sizes", ["part", "bytes"])
    shown.add_row("py", report.amount(figures["py"]))
    yield shown


SAMPLE = Benchmark(
    name="sample",
    about="",
    packages=(),
    measure=lambda: {"py": 1234567},
    tables=tables_of,
    budgets=lambda figures: [
        Budget("small", figures["py"], 1000, "bytes"),
        Budget("fast", 1.5, 1.0, "", at_least=True),
    ],
    versions=lambda: {"QEMU": "7.2.22"},
)


def test_tables_show_figures_and_missed_budgets() -> None:
    text = io.StringIO()
    report.show(SAMPLE, SAMPLE.measure(), Console(file=text, width=100))
    lines = text.getvalue().splitlines()
    assert any("py" in line and "1,234,567" in line for line in lines)
    assert any("small" in line and "≤ 1,000" in line and "MISSED" in line for line in lines)
    assert any("fast" in line and "≥ 1" in line and "met" in line for line in lines)


def test_json_holds_all_that_is_needed_to_repeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "DIRECTORY", tmp_path / "bench")
    path = report.write(SAMPLE, SAMPLE.measure())
    assert [file.name for file in path.parent.iterdir()] == ["sample.json"]
    content = json.loads(path.read_text())
    assert content["command"] == "./inv bench sample"
    assert content["figures"] == {"py": 1234567}
    assert {"QEMU", "MicroPython", "gcc"} <= set(content["versions"])
    assert content["host"]["cpus"] >= 1
    small, fast = content["budgets"]
    assert (small["value"], small["at_most"], small["met"]) == (1234567, 1000, False)
    assert (fast["value"], fast["at_least"], fast["met"]) == (1.5, 1.0, True)


def test_unknown_benchmark_is_refused_before_anything_runs() -> None:
    with pytest.raises(UserError) as caught:
        bench.main(["size", "speed"])
    assert "'speed'" in caught.value.message
    assert "boot, size, console, python, smp" in caught.value.hint


def test_one_that_cannot_be_measured_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> Figures:
        raise UserError("There is no such VMM.", "Install one.")

    monkeypatch.setattr(report, "DIRECTORY", tmp_path)
    monkeypatch.setattr("tools.bench.size.SIZE", replace(SAMPLE, name="size", measure=fail))
    monkeypatch.setattr("tools.bench.console.CONSOLE", replace(SAMPLE, name="console"))
    assert bench.main(["size", "console"]) == EXIT_USER_ERROR
    assert "size: There is no such VMM. Install one." in capsys.readouterr().out
    assert [file.name for file in tmp_path.iterdir()] == ["console.json"]


@pytest.mark.parametrize("benchmark", [BOOT, SIZE, CONSOLE, PYTHON, SMP], ids=lambda one: one.name)
def test_the_packages_that_a_benchmark_needs_are_known(benchmark: Benchmark) -> None:
    assert host.group_packages(*benchmark.packages)
