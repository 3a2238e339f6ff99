# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Builds a firmware with an application's Python frozen into it.

Only the frozen code is compiled, and all linked again, in a directory of the application's own
below the firmware's build directory.
"""

import hashlib
import re
import shutil
from pathlib import Path

from . import boards, build, sources
from .application import Application
from .cache import locked
from .firmware_file import FirmwareFile
from .paths import BUILD, PORT
from .terminal import progress

_FOLDER = "applications"


def freeze(app: Application) -> FirmwareFile:
    """Build the firmware if it is stale, then one with the application. Errors as build.build.

    It is read at once: another application of this name may be built in its place.
    """
    base = build.build()
    options = build.Options(boards.find(None, PORT / "boards"))
    name = re.sub(r"[^\w.-]", "_", app.name, flags=re.ASCII)
    directory = base.elf.resolve().parent / _FOLDER / name
    tree = sources.micropython()
    with build.writing_below(BUILD), locked(BUILD / f".{options.name}.lock"):
        _write(directory, app, FirmwareFile.read(base.elf).build_id)
        variables = build.make_variables(options, tree, base.elf.resolve().parent)
        variables["APPLICATION"] = str(directory)
        with progress(f"Freezing {app.name}") as line:
            build.run_make(
                PORT,
                variables,
                build.environment_of(tree),
                directory / "build.log",
                line.detail,
            )
        return FirmwareFile.read(build.BuildResult.in_directory(directory).elf)


def _write(directory: Path, app: Application, base: str) -> None:
    """Put there what is to be frozen; if it is other than last time, nothing of that is kept."""
    state = hashlib.sha256(base.encode())
    for path, code in sorted(app.frozen.items()):
        state.update(f"{path}\0{len(code)}\0".encode() + code)
    note = directory / "state"
    if note.is_file() and note.read_text() == state.hexdigest():
        return
    shutil.rmtree(directory, ignore_errors=True)
    for path, code in sorted(app.frozen.items()):
        file = (directory / "modules" / path).with_suffix(".mpy")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(code)
    note.write_text(state.hexdigest())
