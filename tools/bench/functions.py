# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What an address of a guest belongs to, and where the guest begins."""

import bisect
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from elftools.elf.segments import NoteSegment

from ..crash import debug_file_of

_XEN_ELFNOTE_PHYS32_ENTRY = "18"  # pyelftools has no name for it.
PAGE_SHIFT = 12
_LINKER_MARKS = ("image_start",)  # At the address of a function, and no function.


class Functions:
    """The symbols of code in an ELF file. One that has none gives every address the name `?`."""

    def __init__(self, kernel: Path) -> None:
        """`kernel` is what is booted; the symbols of a build lie in a file of their own."""
        debug = debug_file_of(kernel)
        with (debug if debug.exists() else kernel).open("rb") as file:
            table = ELFFile(file).get_section_by_name(".symtab")
            if not isinstance(table, SymbolTableSection):
                symbols = []
            else:
                # Labels of assembly have no type.
                symbols = [
                    (int(symbol["st_value"]), str(symbol.name))
                    for symbol in table.iter_symbols()
                    if symbol["st_info"]["type"] in ("STT_FUNC", "STT_NOTYPE")
                    and symbol.name not in ("", *_LINKER_MARKS)
                ]
        named = sorted(dict(symbols).items())
        self._starts = [start for start, _ in named]
        self._names = [name for _, name in named]

    def name(self, address: int) -> str:
        """The function with the highest start that is not above `address`."""
        index = bisect.bisect_right(self._starts, address) - 1
        return self._names[index] if index >= 0 else "?"

    def address(self, name: str) -> int:
        """Where the function begins; 0 where there is none of that name."""
        return self._starts[self._names.index(name)] if name in self._names else 0

    def sums(self, counts: Iterable[tuple[int, int]]) -> dict[str, int]:
        """Counts by function from counts by address, the largest first."""
        total: Counter[str] = Counter()
        for address, count in counts:
            total[self.name(address)] += count
        return dict(total.most_common())


class Sections:
    """The sections of an ELF file that lie in physical memory at their addresses."""

    def __init__(self, kernel: Path) -> None:
        with kernel.open("rb") as file:
            elf = ELFFile(file)
            loaded = [
                (segment["p_vaddr"], segment["p_vaddr"] + segment["p_memsz"])
                for segment in elf.iter_segments()
                if segment["p_type"] == "PT_LOAD" and segment["p_vaddr"] == segment["p_paddr"]
            ]
            self._sections = [
                (section["sh_addr"], section["sh_addr"] + section["sh_size"], section.name)
                for section in elf.iter_sections()
                if section["sh_flags"] & SH_FLAGS.SHF_ALLOC
                and any(start <= section["sh_addr"] < end for start, end in loaded)
            ]

    def of_page(self, page: int) -> str:
        """The section that has bytes in this page; the last one, if several have."""
        start, end = page << PAGE_SHIFT, page + 1 << PAGE_SHIFT
        names = [name for low, high, name in self._sections if low < end and high > start]
        if names:
            return names[-1]
        return "below 1 MiB" if end <= 1 << 20 else "memory beyond the image"


def pvh_entry(kernel: Path) -> int:
    """The physical address at which a VMM enters the guest. The file has been checked before."""
    with kernel.open("rb") as file:
        for segment in ELFFile(file).iter_segments():
            for note in segment.iter_notes() if isinstance(segment, NoteSegment) else ():
                if note["n_name"] == "Xen" and str(note["n_type"]) == _XEN_ELFNOTE_PHYS32_ENTRY:
                    return int.from_bytes(note["n_descdata"][:4], "little")
    raise ValueError(f"{kernel} has no PVH note")
