# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What belongs to an application as its author has it: a .py file, or a directory.

Of a directory: all its files, but those whose names begin with a dot; what requirements.txt names;
and, where there is a manifest.py, of the Python only what that names, beside main.py and boot.py.
"""

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import boards, manifest, requirements
from .errors import UserError
from .paths import PORT
from .python_source import stated_version
from .romfs import DEPTH_MAX

MAIN = "main.py"
SETTINGS = "settings"
"""The file that holds words as on the command line: kernel/application.h."""

_MANIFEST = "manifest.py"
_REQUIREMENTS = "requirements.txt"
_BEGIN = (MAIN, "boot.py")
_NOT_FOR_A_MACHINE = re.compile(r"^[^/]*\.(dist-info|data)/|^bin/|\.pyi$|/py\.typed$")
"""What pip installs beside the modules and their data."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


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
    main: str = MAIN
    """What main.py is called where its author reads of it."""


def collect(path: Path, wheels: Path | None = None, leave_out: Path | None = None) -> AppFiles:
    """`wheels`: a directory of wheels that stands for PyPI; `leave_out`: a file that is not part of
    the application, though it lies there. UserError for what cannot be."""
    if path.is_dir():
        return _collect_directory(path, wheels, leave_out)
    if not path.exists():
        raise UserError(f"{path} does not exist.", "Name a .py file, or a directory with main.py.")
    if wheels is not None:
        raise UserError(f"--wheels: {path} is no directory with a {_REQUIREMENTS}.")
    source = Source(_read(path))
    version = stated_version(source.content)
    return AppFiles(name_of(path), version, {MAIN: source}, {}, path.name)


def name_of(path: Path) -> str:
    """What the application at a path is called. It may be part of a file's name."""
    name = path.resolve().name if path.is_dir() else path.stem
    return name if name.strip(".") else "application"  # `..` would be a directory.


def _collect_directory(path: Path, wheels: Path | None, leave_out: Path | None) -> AppFiles:
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
        if name in (_MANIFEST, _REQUIREMENTS) or _is_same(file, leave_out):
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
    for name in (*sources, *data):
        _check_name(name)
    version = version or stated_version(sources[MAIN].content)
    return AppFiles(name_of(path), version, sources, data)


def _is_same(file: Path, other: Path | None) -> bool:
    return other is not None and file.resolve() == other.resolve()


def _check_name(name: str) -> None:
    """UserError for a path that the guest refuses: kernel/romfs.h."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise UserError(f"The name of the file {name!r} is no UTF-8.", "Rename it.") from None
    if _CONTROL.search(name):
        raise UserError(f"The file {name!r} has a control character in its name.", "Rename it.")
    if name.count("/") > DEPTH_MAX:
        raise UserError(f"{name} lies in more than {DEPTH_MAX} directories.", "Move it up.")


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
