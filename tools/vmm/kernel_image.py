# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Checks that a file can boot by PVH before a VMM sees it: the VMMs' own messages mislead.

Cloud Hypervisor, for one, takes any ELF it dislikes for a bzImage and complains about that.
"""

import struct
from pathlib import Path

from elftools.elf.elffile import ELFFile

from ..elf_errors import reading_elf
from ..errors import UserError

_XEN_ELFNOTE_PHYS32_ENTRY = 18
_MIB = 1 << 20

# Linux: Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header".
_LINUX_MAGIC = b"HdrS"
_LINUX_MAGIC_AT = 0x202

LEAST_MEMORY = 4 * _MIB
"""With less the firmware says itself that it needs more (kernel/interpreter.c), or Python has too
little."""


def check_memory(size: int) -> None:
    """UserError unless a machine with `size` bytes of memory is enough for the firmware."""
    if size < LEAST_MEMORY:
        raise UserError(
            f"{size / _MIB:.4g} MiB of memory are too little.",
            f"{LEAST_MEMORY // _MIB} MiB are the least: --memory {LEAST_MEMORY // _MIB}M.",
        )


def check_kernel(path: Path, memory_bytes: int) -> None:
    """UserError unless `path` is an x86-64 ELF file with a PVH note that fits into the memory.

    A bzImage passes too: the VMMs boot Linux their own way, and benchmarks compare with it.
    """
    if is_linux(path):
        return
    hint = "Give the firmware.elf of a build."
    with reading_elf(path, "is not a whole ELF file.", hint), path.open("rb") as file:
        _check(path, ELFFile(file), memory_bytes)


def is_linux(path: Path) -> bool:
    """Whether the file is a bzImage."""
    try:
        with path.open("rb") as file:
            file.seek(_LINUX_MAGIC_AT)
            return file.read(len(_LINUX_MAGIC)) == _LINUX_MAGIC
    except OSError:
        return False


def _check(path: Path, elf: ELFFile, memory_bytes: int) -> None:
    if elf.elfclass != 64 or elf["e_machine"] != "EM_X86_64":
        raise UserError(f"{path} is not a 64-bit x86 ELF file.")
    size = path.stat().st_size
    notes = b""
    for segment in elf.iter_segments():
        if segment["p_offset"] + segment["p_filesz"] > size:
            raise UserError(f"{path} is cut short.", "Build it again.")
        if segment["p_type"] == "PT_NOTE":
            # Cloud Hypervisor looks at the last one only.
            notes = segment.data()
    if not _has_pvh_entry(notes):
        raise UserError(
            f"{path} cannot boot by PVH: its last PT_NOTE segment holds no Xen PHYS32 entry.",
            "Give the firmware.elf of a build.",
        )
    for segment in elf.iter_segments("PT_LOAD"):
        end = segment["p_paddr"] + segment["p_memsz"]
        if segment["p_memsz"] > 0 and end > memory_bytes:
            raise UserError(
                f"{path} does not fit into {memory_bytes / _MIB:.4g} MiB.",
                f"Give the machine more memory: --memory {-(-end // _MIB)}M is the least.",
            )


def _has_pvh_entry(notes: bytes) -> bool:
    """Walk ELF notes (each part padded to 4 bytes), as the VMMs do."""
    offset = 0
    while offset + 12 <= len(notes):
        name_size, value_size, kind = struct.unpack_from("<III", notes, offset)
        name = notes[offset + 12 : offset + 12 + name_size]
        if kind == _XEN_ELFNOTE_PHYS32_ENTRY and name == b"Xen\0" and value_size >= 4:
            return True
        offset += 12 + (name_size + 3 & ~3) + (value_size + 3 & ~3)
    return False
