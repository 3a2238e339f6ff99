# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""A firmware's ELF file: what it says of itself, and the place in it for an application.

The firmware has an unused program header and a note for it (boot/application_note.S). The
application, a ROMFS, goes to the end of the file and, in memory, behind all else. That needs no
compiler.
"""

import io
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from elftools.elf.elffile import ELFFile
from elftools.elf.segments import NoteSegment

from .elf_errors import reading_elf
from .errors import UserError

MOST_MEMORY = 1 << 30
"""The firmware and its application lie in the first GiB: boot/layout.h."""

_PAGE = 4096
_NOTE_NAME = "MicroPython"
_NOTE_HEAD = 12 + len(_NOTE_NAME) + 1
"""Three sizes and the name, before what the note says."""
_PLACE = struct.Struct("<QQ")
"""Physical address and size: application_place_t of kernel/application.h."""
_PT_LOAD = 1
_READABLE = 4


@dataclass(frozen=True)
class FirmwareFile:
    """A firmware's file, read and checked."""

    content: bytes
    build_id: str
    info: dict[str, list[str]]
    """The lists of ports/cloud_hypervisor/firmware_info.S."""
    end: int
    """Physical address behind all that is loaded."""
    romfs: bytes
    """The application's image; b"" where the file carries none."""
    header: int | None
    """Offset of the unused program header; None where there is none."""
    note: int
    """Offset of the application's address and size, 8 bytes each."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """UserError if `path` is no whole firmware."""
        wrong = "is not a whole firmware of this project."
        with reading_elf(path, wrong, "Build or flash it again."):
            return cls._parse(path.read_bytes())

    @classmethod
    def _parse(cls, content: bytes) -> Self:
        elf = ELFFile(io.BytesIO(content))
        header = note = None
        end = 0
        build_id = ""
        for number, segment in enumerate(elf.iter_segments()):
            if segment["p_type"] == "PT_LOAD":
                end = max(end, segment["p_paddr"] + segment["p_memsz"])
                if segment["p_offset"] + segment["p_filesz"] > len(content):
                    raise ValueError("it is cut short")
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
        romfs = _loaded(elf, content, *_PLACE.unpack_from(content, note))
        return cls(content, build_id, _info(elf), end, romfs, header, note)

    @property
    def version(self) -> str:
        """MicroPython's, such as v1.25.0."""
        return "".join(self.info.get("version", []))

    @property
    def room(self) -> int:
        """The size of the largest image that `with_romfs` takes."""
        return MOST_MEMORY - _up(self.end)

    def with_romfs(self, romfs: bytes) -> bytes:
        """The file with the image in it. UserError if there is one already, or no room for it."""
        if self.romfs or self.header is None:
            raise UserError("The firmware carries an application already.", "Give a plain one.")
        if len(romfs) > self.room:
            over = len(romfs) - self.room
            raise UserError(f"The application is {over:,} bytes too large: 1 GiB is all there is.")
        address, offset, size = _up(self.end), _up(len(self.content)), len(romfs)
        content = bytearray(self.content.ljust(offset, b"\0") + romfs)
        # Elf64_Phdr: type, flags, offset, virtual and physical address, both sizes, alignment.
        header = (_PT_LOAD, _READABLE, offset, address, address, size, size, _PAGE)
        struct.pack_into("<IIQQQQQQ", content, self.header, *header)
        _PLACE.pack_into(content, self.note, address, size)
        return bytes(content)


def _loaded(elf: ELFFile, content: bytes, address: int, size: int) -> bytes:
    """What the file loads to a physical address."""
    if not size:
        return b""
    for segment in elf.iter_segments("PT_LOAD"):
        if segment["p_paddr"] == address and segment["p_filesz"] == size:
            return content[segment["p_offset"] :][:size]
    raise ValueError("the file does not hold its application")


def _info(elf: ELFFile) -> dict[str, list[str]]:
    section = elf.get_section_by_name(".firmware_info")
    lists = section.data().decode().split("\0\0") if section is not None else []
    return {name: items for name, *items in (text.split("\0") for text in lists) if name}


def _up(address: int) -> int:
    """To the next page."""
    return -(-address // _PAGE) * _PAGE
