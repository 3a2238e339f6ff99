# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What belongs to an application as its author has it: a .py file, or a directory.

Of a directory: all its files, but those whose names begin with a dot; what requirements.txt names;
and, where there is a manifest.py, of the Python only what that names, beside main.py and boot.py.
"""

import ast
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import boards, manifest, requirements
from .errors import UserError
from .paths import PORT

MAIN = "main.py"
SETTINGS = "settings"
"""The file that holds words as on the command line: kernel/application.h."""

_MANIFEST = "manifest.py"
_REQUIREMENTS = "requirements.txt"
_BEGIN = (MAIN, "boot.py")
_NOT_FOR_A_MACHINE = re.compile(r"^[^/]*\.(dist-info|data)/|^bin/|\.pyi$|/py\.typed$")
"""What pip installs beside the modules and their data."""


@dataclass(frozen=True)
class Source:
    """A module's Python source."""

    content: bytes
    is_packages: bool = False
    """Whether it came by requirements.txt: the author cannot mend it."""
    optimisation: int | None = None


@dataclass(frozen=True)
class AppFiles:
    """All files of an application, by path in it."""

    name: str
    version: str
    sources: dict[str, Source]
    """What is to be compiled."""
    data: dict[str, bytes]


def collect(path: Path, wheels: Path | None = None) -> AppFiles:
    """`wheels`: a directory of wheels that stands for PyPI. UserError for what cannot be."""
    if path.is_dir():
        return _collect_directory(path, wheels)
    if not path.exists():
        raise UserError(f"{path} does not exist.", "Name a .py file, or a directory with main.py.")
    source = Source(_read(path))
    return AppFiles(path.stem, _version_in(source.content), {MAIN: source}, {})


def _collect_directory(path: Path, wheels: Path | None) -> AppFiles:
    sources: dict[str, Source] = {}
    data: dict[str, bytes] = {}
    if (path / _REQUIREMENTS).is_file():
        with tempfile.TemporaryDirectory(prefix="requirements-") as scratch:
            requirements.unpack(path / _REQUIREMENTS, wheels, Path(scratch))
            _add_packages(Path(scratch), sources, data)
    elif wheels is not None:
        raise UserError(f"--wheels: {path} has no {_REQUIREMENTS}.")
    has_manifest = (path / _MANIFEST).is_file()
    for file in files_of(path):
        name = str(file.relative_to(path))
        if name in (_MANIFEST, _REQUIREMENTS):
            continue
        if file.suffix != ".py":
            data[name] = _read(file)
        elif not has_manifest or name in _BEGIN:
            sources[name] = Source(_read(file))
    version = _add_manifest(path / _MANIFEST, sources, data) if has_manifest else ""
    if MAIN not in sources:
        raise UserError(f"{path} holds no {MAIN}.", f"An application begins in {MAIN}.")
    for name in sources:
        if f"{name[:-3]}.mpy" in data:
            raise UserError(f"{path} holds both {name} and {name[:-3]}.mpy.", "Remove one.")
    version = version or _version_in(sources[MAIN].content)
    return AppFiles(path.resolve().name, version, sources, data)


def _add_packages(folder: Path, sources: dict[str, Source], data: dict[str, bytes]) -> None:
    for file in files_of(folder):
        name = str(file.relative_to(folder))
        if _NOT_FOR_A_MACHINE.search(name):
            continue
        if file.suffix == ".py":
            sources[name] = Source(_read(file), is_packages=True)
        else:
            data[name] = _read(file)


def _add_manifest(path: Path, sources: dict[str, Source], data: dict[str, bytes]) -> str:
    """Add what the manifest names; gives the version that it states."""
    board = boards.find(None, PORT / "boards")
    read = manifest.read(path.resolve(), PORT, board.directory)
    firmware = manifest.read(board.manifest(PORT), PORT, board.directory)
    in_firmware = {entry.file for entry in firmware.entries}
    for entry in read.entries:
        if entry.file in in_firmware:
            continue
        content = _read(entry.file)
        if entry.as_it_is:
            data[entry.target] = content
            sources.pop(entry.target, None)
            continue
        if entry.version and b"__version__ =" not in content:
            # As upstream's makemanifest.py.
            content += f"\n\n__version__ = {entry.version!r}\n".encode()
        sources[entry.target] = Source(content, optimisation=entry.optimisation)
    return read.version


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


def _version_in(source: bytes) -> str:
    """What stands there as `__version__ = "…"`, or ""."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        return ""
    for statement in body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant):
            names = [target.id for target in statement.targets if isinstance(target, ast.Name)]
            if "__version__" in names:
                return str(statement.value.value)
    return ""
