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
    """Tests that another suite runs, or none: expected.toml says why."""
    files: dict[str, str] = field(default_factory=dict)
    """What the guest's RAM disk holds before the tests: pattern, and directory to put it in."""
    options: tuple[str, ...] = ()
    """For run-tests.py."""
    cpus: int = 1
    count_instructions: bool = False
    """The guest's clock counts its instructions: a busy host makes no difference."""
    as_unix_program: bool = False
    """Run by unix_program.py instead of over the serial line."""

    def paths(self, tree: Path) -> list[str]:
        """The tests of the suite in a source tree, in alphabetical order."""
        found = {path for pattern in self.tests for path in (tree / "tests").glob(pattern)}
        left_out = {tree / "tests" / name for name in self.without}
        return sorted(str(path.relative_to(tree / "tests")) for path in found - left_out)


CMDLINE = "heap=8M"
"""Some tests fill all memory, and upstream's runner waits ten seconds for them."""

_TIMED = ("thread/thread_coop.py", "thread/thread_sleep2.py")
"""They want a sleep to end within 30 ms, and within 200."""

_NATIVE = ("--via-mpy", "--emit", "native")

SUITES = (
    Suite("basics", ("basics/*.py",)),
    Suite("micropython", ("micropython/*.py",)),
    Suite("misc and float", ("misc/*.py", "float/*.py")),
    Suite("stress", ("stress/*.py",)),
    Suite("extmod", ("extmod/*.py",)),
    Suite(
        "files",
        ("import/*.py", "io/*.py", "unicode/*.py"),
        # A test opens files by a name relative to its own directory, and imports from there.
        files={"import/**/*": "import", "io/data/*": "io", "unicode/data/*": "unicode"},
    ),
    Suite(
        "repl",
        ("cmdline/repl_*.py",),
        without=("cmdline/repl_inspect.py", "cmdline/repl_micropyinspect.py"),
        as_unix_program=True,
    ),
    *(
        Suite(
            f"threads on {cpus} CPU{'s' if cpus > 1 else ''}",
            ("thread/*.py",),
            without=_TIMED,
            cpus=cpus,
        )
        for cpus in (1, 2, 4)
    ),
    # On one CPU: counting, QEMU 7.2 does not run the others while the first one is busy.
    Suite("threads by the clock", _TIMED, count_instructions=True),
    Suite(
        "native",
        ("basics/*.py", "micropython/*.py", "misc/*.py", "float/*.py"),
        options=_NATIVE,
    ),
)
