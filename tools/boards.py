# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Board folders: the port's own by name, anybody's by path. docs/boards.md tells what they hold."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from .errors import UserError

DEFAULT = "default"
VARIABLE = "BOARD_DIR"
_FILES = ("mpconfigboard.h", "mpconfigboard.mk")


@dataclass(frozen=True)
class Board:
    """A board's folder, an absolute path, and a name that no other folder has."""

    name: str
    directory: Path

    def manifest(self, port: Path) -> Path:
        """What is frozen for it, if its mpconfigboard.mk does not say otherwise."""
        own = self.directory / "manifest.py"
        return own if own.is_file() else port / "boards" / "manifest.py"


def choose(wanted: str) -> None:
    """Have this process use a board, a name or a path, where none is named; "" changes nothing."""
    if wanted:
        os.environ[VARIABLE] = wanted


def find(wanted: str | None, folder: Path) -> Board:
    """The board `wanted`, the name of one in `folder` or a path.

    None is what the environment's BOARD_DIR names, else the default board. UserError if there is
    no such board.
    """
    text = wanted or os.environ.get(VARIABLE) or DEFAULT
    if text in names(folder):
        return Board(text, folder / text)
    directory = Path(text).resolve()
    if not directory.is_dir():
        boards = ", ".join(names(folder)) or "none"
        raise UserError(f"There is no board {text!r}.", f"Boards: {boards}; or name a directory.")
    for file in _FILES:
        if not (directory / file).is_file():
            raise UserError(
                f"{text} is no board: it has no {file}.", "docs/boards.md tells what a board holds."
            )
    if directory.parent == folder.resolve():
        return Board(directory.name, directory)
    digest = hashlib.sha256(os.fsencode(directory)).hexdigest()[:8]
    return Board(f"{directory.name}-{digest}", directory)


def names(folder: Path) -> list[str]:
    """The boards in `folder`."""
    return sorted(path.name for path in folder.glob("*") if path.is_dir())
