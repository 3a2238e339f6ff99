# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""An application as its author has it, a file or a directory, made into the files of a ROMFS.

Python source is compiled, so that a syntax error is told here and the guest need not compile.
"""

import concurrent.futures
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.errors import UserError
from tools.romfs import make_romfs

MAIN = "main.py"
SETTINGS = "settings"
"""The file of an application that holds words as on the command line: kernel/application.h."""

_COMPILE_TIMEOUT = 60.0
# mpy-cross tells a syntax error as MicroPython does, by a traceback.
_SYNTAX_ERROR = re.compile(r'  File "(.*)", line (\d+).*\n(\w+: .*)')


@dataclass(frozen=True)
class Application:
    """What an application is made of."""

    name: str
    files: dict[str, bytes]
    """By path in the ROMFS; Python source is compiled, `x.py` to `x.mpy`."""

    @property
    def romfs(self) -> bytes:
        """The image of all its files."""
        return make_romfs(self.files)


def load(path: Path, mpy_cross: Path, main: str = MAIN) -> Application:
    """A .py file, or a directory with main.py. UserError if it is neither, or does not compile.

    `main`: what the source of a single file is called.
    """
    if path.is_dir():
        if not (path / MAIN).is_file():
            raise UserError(f"{path} holds no {MAIN}.", f"An application begins in {MAIN}.")
        found = {str(file.relative_to(path)): _read(file) for file in files_of(path)}
        main = MAIN
    elif path.exists():
        found = {MAIN: _read(path)}
    else:
        raise UserError(f"{path} does not exist.", "Name a .py file, or a directory with main.py.")
    for name in found:
        if f"{name[:-3]}.mpy" in found and name.endswith(".py"):
            raise UserError(f"{path} holds both {name} and {name[:-3]}.mpy.", "Remove one.")
    return Application(path.resolve().stem, _compiled(found, mpy_cross, main))


def of_source(name: str, code: str, mpy_cross: Path) -> Application:
    """A program that is no file; `name` is what its tracebacks say."""
    return Application(name, _compiled({MAIN: code.encode()}, mpy_cross, name))


def files_of(directory: Path, parents: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """The files in and below a directory, sorted. Links are followed, but not in a circle."""
    parents |= {directory.resolve()}
    for path in sorted(directory.iterdir()):
        if path.name == "__pycache__" or path.name.startswith("."):
            continue
        if path.is_file():
            yield path
        elif path.is_dir() and path.resolve() not in parents:
            yield from files_of(path, parents)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None


def _compiled(found: dict[str, bytes], mpy_cross: Path, main: str) -> dict[str, bytes]:
    sources = [name for name in sorted(found) if name.endswith(".py")]
    with (
        tempfile.TemporaryDirectory(prefix="application-") as scratch,
        concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        jobs = [
            pool.submit(
                _compile,
                mpy_cross,
                Path(scratch) / str(number),
                main if name == MAIN else name,
                found[name],
            )
            for number, name in enumerate(sources)
        ]
        code = [job.result() for job in jobs]
    files = {name: content for name, content in found.items() if not name.endswith(".py")}
    return files | {
        f"{name[:-3]}.mpy": content for name, content in zip(sources, code, strict=True)
    }


def _compile(mpy_cross: Path, stem: Path, name: str, source: bytes) -> bytes:
    """The .mpy of one module; `name` is what its tracebacks say."""
    stem.with_suffix(".py").write_bytes(source)
    output = stem.with_suffix(".mpy")
    command = [str(mpy_cross), "-march=x64", "-s", name, "-o", str(output)]
    done = subprocess.run(
        [*command, str(stem.with_suffix(".py"))],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_COMPILE_TIMEOUT,
        check=False,
    )
    if done.returncode == 0:
        return output.read_bytes()
    error = _SYNTAX_ERROR.search(done.stderr)
    if error is None:
        raise UserError(f"{name} cannot be compiled: {done.stderr.strip()}")
    raise UserError(f"{name}, line {error[2]}: {error[3]}.")
