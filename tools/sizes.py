# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What takes the bytes of a firmware: the linker's map, by section and by part of the source.

The map knows what symbols do not: alignment, merged strings, and what each object file gave. The
ELF's own size is the sum of the sections that the file holds and the rest, headers and padding.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from rich.console import Console
from rich.table import Table

from .build import BuildResult
from .errors import UserError

# The first pattern that an object file's path (below the build directory) matches names its part.
# libkernel.a keeps the names of its members only; their objects lie in kernel/ as the sources do.
PARTS: tuple[tuple[str, str], ...] = (
    (r"^kernel/kernel/libc/", "libc"),
    (r"^kernel/(boot|kernel|drivers)/", r"\1"),
    (r"^(kernel/)?board/", "board"),
    (r"frozen_content", "frozen Python"),
    (r"^py/", "py"),
    (r"^extmod/", "extmod"),
    (r"^shared/", "shared"),
    (r"^lib/([^/]+)/", r"lib/\1"),
    (r"libgcc\.a", "libgcc"),
    (r"^<", "alignment"),
    (r"^(kernel/)?mbedtls/", "Mbed TLS"),
    (r"^kernel/lwip/", "lwIP"),
    (r"", "port"),
)


@dataclass(frozen=True)
class Contribution:
    """What one object file gives to one output section, in bytes."""

    section: str
    file: str
    size: int


@dataclass(frozen=True)
class Sizes:
    """All sizes in bytes. `parts` and `sections`: bytes in the file; `zeroed`: RAM only (.bss)."""

    file: int
    sections: dict[str, int]
    parts: dict[str, int]
    zeroed_sections: dict[str, int]
    zeroed_parts: dict[str, int]
    headers: int


def measure(result: BuildResult) -> Sizes:
    """Read the sizes out of a build. UserError if a file is missing or is not what it should be."""
    try:
        with result.elf.open("rb") as stream:
            elf = ELFFile(stream)
            allocated = [s for s in elf.iter_sections() if s["sh_flags"] & SH_FLAGS.SHF_ALLOC]
            zeroed = {s.name: s["sh_size"] for s in allocated if s["sh_type"] == "SHT_NOBITS"}
            stored = {s.name: s["sh_size"] for s in allocated if s["sh_type"] != "SHT_NOBITS"}
        total = result.elf.stat().st_size
        text = result.map.read_text()
    except (OSError, ELFError) as error:
        raise UserError(f"{result.elf} cannot be measured: {error}.", "./inv build") from error
    parts: dict[str, int] = defaultdict(int)
    zeroed_parts: dict[str, int] = defaultdict(int)
    build = result.map.parent
    members = {path.name: path.relative_to(build) for path in build.glob("kernel/**/*.o")}
    for contribution in contributions(text):
        file = re.sub(r"^.*/libkernel\.a\((.*)\)$", lambda m: f"{members[m[1]]}", contribution.file)
        sums = zeroed_parts if contribution.section in zeroed else parts
        if contribution.section in zeroed or contribution.section in stored:
            sums[part_of(file.removeprefix(f"{build}/"))] += contribution.size
    # What no object file gave: padding that the map shows only as a gap.
    for sums, sections in ((parts, stored), (zeroed_parts, zeroed)):
        sums["alignment"] += sum(sections.values()) - sum(sums.values())
    return Sizes(
        file=total,
        sections=stored,
        parts=largest_first(parts),
        zeroed_sections=zeroed,
        zeroed_parts=largest_first(zeroed_parts),
        headers=total - sum(stored.values()),
    )


def contributions(map_text: str) -> Iterator[Contribution]:
    """The lines of a GNU ld map that place something, for each output section in turn.

    ` .text.foo  0x… 0x12 build/py/vm.o` is an input section, split over two lines if its name is
    long; one at column 0 is an output section; `*fill*` is alignment.
    """
    _, found, body = map_text.partition("\nLinker script and memory map\n")
    if not found:
        raise UserError("The linker's map has no memory map.", "./inv clean build")
    section = ""
    joined = re.sub(r"^( ?[^\s*]\S*)\n +0x", r"\1 0x", body, flags=re.MULTILINE)
    placed = re.compile(r"^ (\S+) +0x[0-9a-f]+ +0x([0-9a-f]+)(?: (.*))?$")
    for line in joined.splitlines():
        if line.startswith("/DISCARD/"):
            section = ""
        elif line[:1] not in ("", " "):
            section = line.split()[0]
        elif match := placed.match(line):
            name, size, file = match[1], int(match[2], 16), match[3] or ""
            if section and size and (file or name == "*fill*"):
                yield Contribution(section, file or "<fill>", size)


def part_of(file: str) -> str:
    """The part of the source that an object file (its path below the build directory) is of."""
    for pattern, part in PARTS:
        if match := re.search(pattern, file):
            return match.expand(part)
    raise AssertionError("the last pattern matches everything")


def largest_first(sizes: dict[str, int]) -> dict[str, int]:
    return dict(sorted(((k, v) for k, v in sizes.items() if v), key=lambda item: -item[1]))


def table(sizes: Sizes) -> Table:
    """For a person: parts, then sections, then the whole."""
    shown = Table(title="firmware.elf", title_justify="left")
    shown.add_column("part")
    shown.add_column("bytes in the file", justify="right")
    shown.add_column("bytes zeroed at boot", justify="right")
    rows = [(sizes.parts, sizes.zeroed_parts), (sizes.sections, sizes.zeroed_sections)]
    for stored, zeroed in rows:
        for name in {**stored, **zeroed}:
            both = (stored.get(name), zeroed.get(name))
            shown.add_row(name, *(f"{size:,}" if size else "" for size in both))
        shown.add_section()
    shown.add_row("headers and padding", f"{sizes.headers:,}", "")
    shown.add_row("the whole", f"{sizes.file:,}", f"{sum(sizes.zeroed_sections.values()):,}")
    return shown


def show(result: BuildResult, as_json: bool = False) -> None:
    """Print the sizes of a build on stdout."""
    sizes = measure(result)
    if as_json:
        print(json.dumps(asdict(sizes), indent=2))
    else:
        Console(highlight=False).print(table(sizes))
