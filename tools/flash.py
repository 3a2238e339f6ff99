# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Puts an application into a firmware's ELF file, and looks what one carries. No compiler needed.

The firmware has an unused program header and a note for it (boot/application_note.S). The
application, a ROMFS, goes to the end of the file and, in memory, behind all else.
"""

import io
import struct
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.segments import NoteSegment
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from tools import application, build, sources
from tools.application import SETTINGS
from tools.errors import UserError
from tools.romfs import read_romfs

_PAGE = 4096
_NOTE_NAME = "MicroPython"
_NOTE_HEAD = 12 + len(_NOTE_NAME) + 1
"""Three sizes and the name, before what the note says."""
_PLACE = struct.Struct("<QQ")
"""Physical address and size: application_place_t of kernel/application.h."""
_PT_LOAD = 1
_READABLE = 4
_MOST_MEMORY = 1 << 30
"""The firmware and its application lie in the first GiB: boot/layout.h."""


@dataclass(frozen=True)
class Contents:
    """What a bootable file holds."""

    build_id: str
    files: dict[str, bytes]
    """Of the application, by path; none where it carries none."""

    @property
    def settings(self) -> str:
        """The application's settings, as they are written there."""
        return self.files.get(SETTINGS, b"").decode(errors="replace")


@dataclass(frozen=True)
class _Firmware:
    """Where in a firmware's file is what an application changes."""

    content: bytes
    header: int | None
    """Offset of the unused program header; None where there is none."""
    note: int
    """Offset of the application's address and size, 8 bytes each."""
    end: int
    """Physical address behind all that is loaded."""
    build_id: str

    @property
    def place(self) -> tuple[int, int]:
        """The application's physical address and size; 0, 0 for none."""
        address, size = _PLACE.unpack_from(self.content, self.note)
        return address, size


def flash(app: Path, out: Path | None) -> None:
    """Build the firmware if it is stale, put the application into it, write the file."""
    loaded = application.load(app, build.mpy_cross(sources.micropython()))
    target = out or Path(f"{loaded.name}.elf")
    content = add_application(build.build().elf, loaded.romfs)
    try:
        target.write_bytes(content)
    except OSError as error:
        raise UserError(f"{target} cannot be written: {error.strerror}.") from None
    _say(f"{target}: {len(content):,} bytes, {len(loaded.files)} files")


def show(path: Path) -> None:
    """Print what the file holds."""
    contents = read_contents(path)
    _say(f"build {contents.build_id}")
    table = Table("file", Column("bytes", justify="right"))
    for name, content in contents.files.items():
        table.add_row(escape(name), f"{len(content):,}")
    Console(highlight=False).print(table)
    if contents.settings:
        _say(f"settings: {' '.join(contents.settings.split())}")


def _say(text: str) -> None:
    Console(highlight=False).print(text, markup=False, soft_wrap=True)


def add_application(firmware: Path, romfs: bytes) -> bytes:
    """The firmware's file with the application in it. UserError if it has no place for one."""
    found = _open(firmware)
    if found.place != (0, 0) or found.header is None:
        raise UserError(f"{firmware} carries an application already.", "Give a plain firmware.")
    address = _up(found.end)
    if address + len(romfs) > _MOST_MEMORY:
        over = address + len(romfs) - _MOST_MEMORY
        raise UserError(f"The application is {over:,} bytes too large: 1 GiB is all there is.")
    offset = _up(len(found.content))
    content = bytearray(found.content.ljust(offset, b"\0") + romfs)
    size = len(romfs)
    # Elf64_Phdr: type, flags, offset, virtual and physical address, both sizes, alignment.
    header = (_PT_LOAD, _READABLE, offset, address, address, size, size, _PAGE)
    struct.pack_into("<IIQQQQQQ", content, found.header, *header)
    _PLACE.pack_into(content, found.note, address, size)
    return bytes(content)


def read_contents(path: Path) -> Contents:
    """What the file holds. UserError if it is no whole firmware, or its application is broken."""
    found = _open(path)
    address, size = found.place
    if not size:
        return Contents(found.build_id, {})
    try:
        return Contents(found.build_id, read_romfs(_loaded(found.content, address, size)))
    except ValueError as error:
        raise UserError(f"The application in {path} is broken: {error}.") from None


def _loaded(content: bytes, address: int, size: int) -> bytes:
    """What the file loads to a physical address."""
    for segment in ELFFile(io.BytesIO(content)).iter_segments("PT_LOAD"):
        if segment["p_paddr"] == address and segment["p_filesz"] == size:
            return content[segment["p_offset"] :][:size]
    raise ValueError("the file does not hold it")


def _open(path: Path) -> _Firmware:
    try:
        return _look(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None
    except Exception:  # pyelftools raises one of many kinds for a file that is broken.
        raise UserError(
            f"{path} is not a firmware of this project.", "Give the firmware.elf of a build."
        ) from None


def _look(content: bytes) -> _Firmware:
    elf = ELFFile(io.BytesIO(content))
    header = note = None
    end = 0
    build_id = ""
    for number, segment in enumerate(elf.iter_segments()):
        if segment["p_type"] == "PT_LOAD":
            end = max(end, segment["p_paddr"] + segment["p_memsz"])
        elif segment["p_type"] == "PT_NULL":
            header = elf["e_phoff"] + number * elf["e_phentsize"]
        elif isinstance(segment, NoteSegment):
            for each in segment.iter_notes():
                if each["n_type"] == "NT_GNU_BUILD_ID":
                    build_id = each["n_desc"]
                elif each["n_name"] == _NOTE_NAME and each["n_descsz"] == _PLACE.size:
                    note = each["n_offset"] + _NOTE_HEAD
    if note is None:
        raise ValueError("it has no note for an application")
    return _Firmware(content, header, note, end, build_id)


def _up(address: int) -> int:
    """To the next page."""
    return -(-address // _PAGE) * _PAGE
