# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""expected.toml as data."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

_FILE = Path(__file__).with_name("expected.toml")

Version = tuple[int, int, int]


@dataclass(frozen=True)
class Entry:
    """Some tests, and why they do not pass."""

    tests: tuple[str, ...]
    why: str
    fails: bool
    """Otherwise left out."""
    suite: str | None
    since: Version
    before: Version

    def concerns(self, version: Version, suite: str | None = None) -> bool:
        """Whether it says something of this version of MicroPython and (None: any) this suite."""
        return self.since <= version < self.before and (
            suite is None or self.suite in (None, suite)
        )


def read() -> list[Entry]:
    """All entries, in the file's order."""
    tables = tomllib.loads(_FILE.read_text())
    return [
        Entry(
            tests=tuple(table["tests"]),
            why=" ".join(table["why"].split()),
            fails=kind == "fails",
            suite=table.get("suite"),
            since=_version(table.get("since", "0")),
            before=_version(table.get("before", "999")),
        )
        for kind in ("fails", "left_out")
        for table in tables[kind]
    ]


def tests_of(entries: list[Entry], *, fails: bool) -> frozenset[str]:
    return frozenset(test for entry in entries if entry.fails is fails for test in entry.tests)


def _version(text: str) -> Version:
    parts = [int(part) for part in text.split(".")] + [0, 0]
    return parts[0], parts[1], parts[2]
