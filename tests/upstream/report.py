# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""docs/upstream-tests.md, made of expected.toml and the source tree: `python -m ...report`.

It needs no guest: that the tests come out as expected.toml says is what test_upstream.py proves.
"""

from pathlib import Path

from tests.upstream import expectations
from tests.upstream.expectations import Entry, Version
from tests.upstream.suites import SUITES
from tools import sources
from tools.paths import ROOT

PAGE = ROOT / "docs" / "upstream-tests.md"

DIRECTORIES = (
    *("basics", "micropython", "misc", "extmod", "float"),
    *("stress", "thread", "unicode", "import", "io", "cmdline"),
)

_HEAD = """\
<!-- Made by `python -m tests.upstream.report` of tests/upstream/expected.toml. Do not edit. -->
# MicroPython's own tests

`./inv test --rung upstream` runs the tests of MicroPython {name} by its own runner,
`tests/run-tests.py`, unmodified, over the serial line of guests in QEMU. Each group of tests gets a
fresh guest; what they read from files lies on its RAM disk. The tests of line editing talk to the
guest through a program that stands for the unix port's. The tests of basics, micropython, misc and
float run a second time as native code, compiled by mpy-cross and loaded as .mpy files. Those of
thread run with 1, 2 and 4 CPUs; two that measure sleeps, with one CPU whose instructions are its
clock, so that a busy host fails none.

The tests of filesystems, vfs_*, run once more in tests/guest/test_upstream_vfs.py, in QEMU and on
Cloud Hypervisor, with disks in the place of the block devices of RAM that they make; of those that
are left out below for littlefs 1, the half for littlefs 2.

A test that is not listed below passes; this page is tested against what happens.
"""


def count(directory: str, tree: Path, entries: list[Entry]) -> tuple[int, int, int, int]:
    """Of a directory of tests: all of them, left out, failing, passing."""
    every = {
        str(path.relative_to(tree / "tests")) for path in (tree / "tests" / directory).glob("*.py")
    }
    left_out = len(every & expectations.tests_of(entries, fails=False))
    failing = len(every & expectations.tests_of(entries, fails=True))
    return len(every), left_out, failing, len(every) - left_out - failing


def share(tree: Path, entries: list[Entry]) -> float:
    """What part of the tests that run passes."""
    counts = [count(directory, tree, entries) for directory in DIRECTORIES]
    run = sum(all_ - left_out for all_, left_out, _, _ in counts)
    return sum(passing for _, _, _, passing in counts) / run


def relevant(version: Version) -> list[Entry]:
    """The entries about the first run of each test, by bytecode."""
    return [e for e in expectations.read() if e.concerns(version) and e.suite is None]


def render(tree: Path, version: Version, name: str) -> str:
    """The page's text."""
    entries = relevant(version)
    lines = [_HEAD.format(name=name)]
    lines += ["| directory | tests | left out | fail | pass |", "|---|---:|---:|---:|---:|"]
    counts = [(directory, *count(directory, tree, entries)) for directory in DIRECTORIES]
    lines += [f"| {' | '.join(map(str, row))} |" for row in counts]
    totals = [sum(column) for column in zip(*(row[1:] for row in counts), strict=True)]
    lines += [f"| **all** | {' | '.join(f'**{total}**' for total in totals)} |", ""]
    lines += [f"Of {totals[0] - totals[1]} tests that run, {share(tree, entries):.1%} pass.", ""]
    for fails, heading in ((True, "Tests that fail"), (False, "Tests that are left out")):
        lines += [f"## {heading}", "", "| tests | why |", "|---|---|"]
        lines += [_row(entry) for entry in entries if entry.fails is fails]
        lines += [""]
    native = [e for e in expectations.read() if e.concerns(version) and e.suite == "native"]
    lines += ["## Left out of the second run, as native code", "", "| tests | why |", "|---|---|"]
    lines += [_row(entry) for entry in native]
    return "\n".join(lines) + "\n"


def _row(entry: Entry) -> str:
    tests = ", ".join(test.removesuffix(".py") for test in entry.tests)
    return f"| {tests} | {entry.why} |"


def not_run(directory: str, tree: Path) -> set[str]:
    """The tests of a directory that no suite runs."""
    every = {
        str(path.relative_to(tree / "tests")) for path in (tree / "tests" / directory).glob("*.py")
    }
    return every - {name for suite in SUITES for name in suite.paths(tree)}


def main() -> None:
    tree = sources.micropython()
    PAGE.write_text(render(tree.path, tree.version, tree.name))


if __name__ == "__main__":
    main()
