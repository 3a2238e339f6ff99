# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""MicroPython's own tests, by its own runner, against guests: everything not explained passes."""

import os
import sys
from pathlib import Path

import pytest

from tests.upstream import expectations, report
from tests.upstream.runner import TIME_LIMIT, link_tree, run, run_suite
from tests.upstream.suites import SUITES, Suite
from tests.upstream.unix_program import as_unix
from tools import build, sources

_LEAST_SHARE = 0.98


@pytest.fixture(scope="session")
def firmware() -> Path:
    return build.build().elf


@pytest.fixture(scope="session")
def tree() -> sources.MicroPython:
    return sources.micropython()


@pytest.mark.timeout(TIME_LIMIT + 60)
@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name.replace(" ", "-"))
def test_suite(suite: Suite, tree: sources.MicroPython, firmware: Path, tmp_path: Path) -> None:
    results = run_suite(suite, tree.path, firmware, build.mpy_cross(tree), tmp_path)
    entries = [e for e in expectations.read() if e.concerns(tree.version, suite.name)]
    paths = frozenset(suite.paths(tree.path))
    may_fail = expectations.tests_of(entries, fails=True) & paths
    may_be_left_out = expectations.tests_of(entries, fails=False) & paths
    problems = {
        "fail": results.failed - may_fail,
        "did not finish": paths - results.passed - results.failed - results.skipped,
    }
    if tree.pinned:
        problems["pass, though expected.toml says they fail"] = results.passed & may_fail
        problems["are left out, unexplained"] = results.skipped - may_be_left_out
        problems["run, though expected.toml says they are left out"] = (
            may_be_left_out - results.skipped
        )
    lines = [
        f"{len(tests)} {what}: {', '.join(sorted(tests))}"
        for what, tests in problems.items()
        if tests
    ]
    assert not lines, "\n".join([*lines, results.log])


def test_every_test_is_run_or_explained(tree: sources.MicroPython) -> None:
    left_out = expectations.tests_of(report.relevant(tree.version), fails=False)
    missing = {
        name for directory in report.DIRECTORIES for name in report.not_run(directory, tree.path)
    }
    assert missing <= left_out


def test_expectations_name_tests_that_exist(tree: sources.MicroPython) -> None:
    if tree.pinned:
        named = {test for entry in report.relevant(tree.version) for test in entry.tests}
        assert [test for test in sorted(named) if not (tree.path / "tests" / test).is_file()] == []


def test_enough_tests_pass(tree: sources.MicroPython) -> None:
    assert report.share(tree.path, report.relevant(tree.version)) >= _LEAST_SHARE


def test_the_page_says_what_is_expected(tree: sources.MicroPython) -> None:
    if tree.pinned:
        page = report.render(tree.path, tree.version, tree.name)
        assert report.PAGE.read_text() == page, "Run python -m tests.upstream.report."


def test_runner_takes_the_copy_for_its_place(tmp_path: Path) -> None:
    """Since v1.28 run-tests.py names a test by where a module that it imports lies."""
    original = tmp_path / "original" / "tests"
    (original / "basics").mkdir(parents=True)
    (original / "run-tests.py").write_text("import test_utils")
    (original / "test_utils.py").write_text("print(__file__)")
    copy = link_tree(original.parent, tmp_path) / "tests"
    assert run([sys.executable, "run-tests.py"], copy, {**os.environ}) == f"{copy}/test_utils.py\n"
    assert sorted(path.name for path in original.iterdir()) == [
        "basics",
        "run-tests.py",
        "test_utils.py",
    ]


@pytest.mark.parametrize(
    ("version", "second"), [("1.25.0", b"Use help() for"), ("1.27.0", b'Type "help()" for')]
)
def test_banner_is_as_the_unix_ports(version: str, second: bytes) -> None:
    first = f"MicroPython v{version} on 2026-11-24; "
    banner = f'{first}PVH guest with x86-64\r\nType "help()" for more information.\r\n>>> '
    assert as_unix(banner.encode()) == (
        first.encode() + b"guest version\r\n" + second + b" more information.\r\n>>> "
    )
