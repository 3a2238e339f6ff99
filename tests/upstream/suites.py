# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Which of upstream's tests run together in one fresh guest, and what each group needs there."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Suite:
    """Tests that share a guest. Patterns are relative to MicroPython's tests/."""

    name: str
    tests: tuple[str, ...]
    """Glob patterns."""
    without: tuple[str, ...] = ()
    """Tests that another suite runs."""
    files: dict[str, str] = field(default_factory=dict)
    """What the guest's RAM disk holds before the tests: pattern, and directory to put it in."""
    memory: str = "512M"
    cmdline: str = ""
    options: tuple[str, ...] = ()
    """For run-tests.py."""
    as_unix_program: bool = False
    """Run by unix_program.py instead of over the serial line."""
    again: bool = False
    """The tests run in another suite too, so docs/upstream-tests.md counts them there."""

    def paths(self, tree: Path) -> list[str]:
        """The tests of the suite in a source tree, in alphabetical order."""
        found = {path for pattern in self.tests for path in (tree / "tests").glob(pattern)}
        left_out = {tree / "tests" / name for name in self.without}
        return sorted(str(path.relative_to(tree / "tests")) for path in found - left_out)


# It fills all memory, which takes the emulated CPU longer than upstream's runner waits.
_FILLS_MEMORY = ("micropython/extreme_exc.py",)

_NATIVE = ("--via-mpy", "--emit", "native")

SUITES = (
    Suite("basics", ("basics/*.py",)),
    Suite("micropython", ("micropython/*.py",), without=_FILLS_MEMORY),
    Suite("small heap", _FILLS_MEMORY, cmdline="heap=4M"),
    Suite("misc and float", ("misc/*.py", "float/*.py")),
    Suite("stress", ("stress/*.py",)),
    Suite("extmod", ("extmod/*.py",)),
    Suite(
        "files",
        ("import/*.py", "io/*.py", "unicode/*.py"),
        # A test opens files by a name relative to its own directory, and imports from there.
        files={"import/**/*": "import", "io/data/*": "io", "unicode/data/*": "unicode"},
    ),
    Suite("repl", ("cmdline/repl_*.py",), as_unix_program=True),
    Suite(
        "native",
        ("basics/*.py", "micropython/*.py", "misc/*.py", "float/*.py"),
        without=_FILLS_MEMORY,
        options=_NATIVE,
        again=True,
    ),
)
