# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Reads an application's manifest.py with MicroPython's own reader, tools/manifestfile.py.

Its form: MicroPython's docs/reference/manifest.rst.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from . import sources
from .errors import UserError


@dataclass(frozen=True)
class Entry:
    """A file that the manifest names."""

    file: Path
    target: str
    """Its path in the application."""
    as_it_is: bool
    """Whether it goes in as it is, though it may be source."""
    version: str
    """What its package says, for its `__version__`; may be empty."""
    optimisation: int | None


@dataclass(frozen=True)
class Manifest:
    """What a manifest says."""

    entries: list[Entry]
    version: str


def read(path: Path, port: Path, board: Path) -> Manifest:
    """Execute it. UserError with MicroPython's reason."""
    tree = sources.micropython().path
    reader = _reader(tree / "tools" / "manifestfile.py")
    variables = {
        "MPY_DIR": str(tree),
        "MPY_LIB_DIR": str(tree / "lib" / "micropython-lib"),
        "PORT_DIR": str(port),
        "BOARD_DIR": str(board),
    }
    manifest = reader.ManifestFile(reader.MODE_FREEZE, variables)
    try:
        manifest.execute(str(path))
    except reader.ManifestFileError as error:
        raise UserError(f"{error}.") from None
    entries = [
        Entry(
            Path(found.full_path),
            found.target_path,
            found.kind != reader.KIND_FREEZE_AS_MPY,
            found.metadata.version or "",
            found.opt,
        )
        for found in manifest.files()
    ]
    return Manifest(entries, manifest.metadata().version or "")


def _reader(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("manifestfile", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
