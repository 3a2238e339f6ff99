# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Puts names to the addresses of a guest's crash report.

The guest's kernel prints addresses only (kernel/panic.c): it has no symbols. They are in the debug
ELF of the same build.
"""

import bisect
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import NoteSection, SymbolTableSection

from .paths import BUILD, ROOT

CRASH_BEGIN = b"\r\n*** crash: "
CRASH_END = b"*** end of crash\r\n"
CRASH_PLACE = re.compile(rb"\ncpu \d+, rip 0x")
"""In the second line of every report."""
CRASH_LIMIT = 0x10000
"""No report has as many bytes."""

_BACKTRACE = re.compile(r"^backtrace:((?: 0x[0-9a-f]+)+)\s*$", re.MULTILINE)
_BUILD = re.compile(r"\bbuild ([0-9a-f]+)\b")


def debug_file_of(kernel: Path) -> Path:
    """Where the symbols of a firmware are: x.debug.elf beside x.elf; of a flashed file, wherever it
    was put, with the build that it was made of. There need not be such a file."""
    beside = kernel.with_suffix(".debug.elf")
    if not beside.exists():
        build = _build_id_of(kernel)
        for found in BUILD.glob("**/firmware.debug.elf"):
            if build and _build_id_of(found) == build:
                return found
    return beside


def _build_id_of(path: Path) -> str:
    """ "" if it has none."""
    try:
        with path.open("rb") as file:
            return _build_id(ELFFile(file))
    except (OSError, ELFError):
        return ""


def explain(report: str, debug_file: Path) -> str:
    """The report with a line for each address of its backtraces: function, file and line.

    Where the symbols are missing or belong to another build, the text says so instead.
    """
    report = report.replace("\r\n", "\n").strip()
    backtraces = list(_BACKTRACE.finditer(report))
    if not backtraces:
        return report
    try:
        symbols = Symbols(debug_file)
    except (OSError, ELFError) as error:
        return f"{report}\n(no names: {debug_file} cannot be read: {error})"
    build = _BUILD.search(report)
    if build is not None and not symbols.build_id.startswith(build[1]):
        return f"{report}\n(no names: {debug_file} is of another build, {symbols.build_id[:16]})"
    lines = [report]
    for number, found in enumerate(backtraces):
        if number:  # Another CPU's; the line before says which.
            lines.append(report[: found.start()].splitlines()[-1])
        for index, text in enumerate(found[1].split()):
            address = int(text, 16)
            # All but the first are return addresses: the call is the instruction before.
            lines.append(f"  {text} {symbols.describe(address if index == 0 else address - 1)}")
    return "\n".join(lines)


@dataclass(frozen=True)
class _Function:
    start: int
    end: int
    name: str


class Symbols:
    """The functions and the line table of an ELF file with DWARF 4 or 5."""

    def __init__(self, path: Path) -> None:
        """ELFError or OSError if `path` cannot be read."""
        # Whole in memory: pyelftools reads from it for as long as it is asked.
        elf = ELFFile(io.BytesIO(path.read_bytes()))
        self.build_id = _build_id(elf)
        self._functions = _functions(elf)
        self._starts = [function.start for function in self._functions]
        self._dwarf = elf.get_dwarf_info() if elf.has_dwarf_info() else None
        self._units = self._dwarf.get_aranges() if self._dwarf is not None else None

    def describe(self, address: int) -> str:
        """`function  file:line`, each `?` where it is not known."""
        return f"{self._function(address)}  {self._place(address)}"

    def _function(self, address: int) -> str:
        index = bisect.bisect_right(self._starts, address) - 1
        if index < 0 or address >= self._functions[index].end:
            return "?"
        return self._functions[index].name

    def _place(self, address: int) -> str:
        """Only the line table of the unit that holds the address is decoded: all take seconds."""
        offset = self._units.cu_offset_at_addr(address) if self._units is not None else None
        if offset is None or self._dwarf is None:
            return "?"
        program = self._dwarf.line_program_for_CU(self._dwarf.get_CU_at(offset))
        if program is None:
            return "?"
        # A row is true up to the next row of its sequence.
        before = None
        for entry in program.get_entries():
            state = entry.state
            if state is None:
                continue
            if before is not None and before.address <= address < state.address:
                return _describe_row(program, before)
            before = None if state.end_sequence else state
        return "?"


def _build_id(elf: ELFFile) -> str:
    for section in elf.iter_sections():
        if isinstance(section, NoteSection):
            for note in section.iter_notes():
                if note["n_type"] == "NT_GNU_BUILD_ID":
                    return str(note["n_desc"])
    return ""


def _functions(elf: ELFFile) -> list[_Function]:
    """All code symbols, sorted. A label of assembly has no size: it reaches up to the next one."""
    table = elf.get_section_by_name(".symtab")
    if not isinstance(table, SymbolTableSection):
        return []
    code = {
        index: section["sh_addr"] + section["sh_size"]
        for index, section in enumerate(elf.iter_sections())
        if section["sh_flags"] & SH_FLAGS.SHF_EXECINSTR
    }
    symbols = sorted(
        (symbol["st_value"], symbol["st_size"], symbol.name, code[symbol["st_shndx"]])
        for symbol in table.iter_symbols()
        if symbol["st_info"]["type"] in ("STT_FUNC", "STT_NOTYPE") and symbol["st_shndx"] in code
    )
    ends = [symbol[0] for symbol in symbols[1:]] + [0]
    return [
        _Function(start, start + size if size else (next_start or section_end), name)
        for (start, size, name, section_end), next_start in zip(symbols, ends, strict=True)
    ]


def _describe_row(program: Any, state: Any) -> str:
    """`file:line`. DWARF 5 counts files and directories from 0, DWARF 4 from 1.

    In both, directory 0 is the one in which the compiler ran.
    """
    base = 0 if program["version"] >= 5 else 1
    files, directories = program["file_entry"], program["include_directory"]
    if not 0 <= state.file - base < len(files):
        return f"?:{state.line}"
    file = files[state.file - base]
    path = Path(file.name.decode(errors="replace"))
    if 0 < file.dir_index < len(directories) + base:
        path = Path(directories[file.dir_index - base].decode(errors="replace")) / path
    if path.is_relative_to(ROOT):
        path = path.relative_to(ROOT)
    return f"{path}:{state.line}"
