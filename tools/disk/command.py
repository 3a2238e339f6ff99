# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What the `disk` task does: create, ls, put, get and check."""

import os
import subprocess
import tempfile
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from .. import host
from ..errors import EXIT_FAILED, UserError
from . import create as creation
from . import transfer
from .create import Wish
from .detect import Place, find_filesystem, find_place, open_filesystem
from .fat_layout import Geometry
from .filesystem import Filesystem, normalised
from .image import Area, open_image
from .littlefs import LittleFilesystem

_PIECE = 1 << 24


def create(path: Path, wish: Wish, *, source: Path | None, force: bool) -> None:
    """Make an image, and say what it is."""
    creation.create(path, wish, source=source, force=force)
    with open_image(path, write=False) as image:
        place = find_place(image, None)
        _say(_described(path, place, open_filesystem(place.area)))


def list_files(path: Path, number: int | None, directory: str) -> None:
    """Print what the image is, and the files below a directory of it."""
    directory = normalised(directory)
    with open_image(path, write=False) as image:
        place = find_place(image, number)
        filesystem = open_filesystem(place.area)
        entry = filesystem.find(directory)
        if entry is None:
            raise UserError(f"{path} has no {directory}.")
        found = list(filesystem.walk(directory)) if entry.is_directory else [entry]
        _say(_described(path, place, filesystem))
    table = Table(Column("file", overflow="fold"), Column("bytes", justify="right"))
    for each in found:
        name = printable(each.path) + ("/" if each.is_directory else "")
        table.add_row(escape(name), "" if each.is_directory else f"{each.size:,}")
    if found:
        Console(highlight=False).print(table)


def put(path: Path, number: int | None, words: list[str]) -> None:
    """Copy the files that the words name; a last word with `:` before it is where to."""
    target = words.pop() if words and words[-1].startswith(":") else ":/"
    if not words:
        raise UserError("put: no file is named.", "As in: ./inv disk put IMAGE main.py lib :/")
    where = normalised(target)
    sources = [Path(word) for word in words]
    for source in sources:
        transfer.refuse_inside(path, source)
    into = target.endswith("/") or target == ":"
    with open_image(path, write=True) as image:
        filesystem = open_filesystem(find_place(image, number).area)
        transfer.put(filesystem, sources, where, into=into)


def get(path: Path, number: int | None, words: list[str]) -> None:
    """Copy the path that the first word names, to the second or to the working directory."""
    if not 1 <= len(words) <= 2:
        raise UserError("get: one path is needed.", "As in: ./inv disk get IMAGE /log log")
    with open_image(path, write=False) as image:
        filesystem = open_filesystem(find_place(image, number).area)
        transfer.get(filesystem, normalised(words[0]), Path(*words[1:]))


def check(path: Path, number: int | None) -> int:
    """Say whether the filesystem is sound; the exit code."""
    with open_image(path, write=False) as image:
        place = find_place(image, number)
        is_fat = isinstance(find_filesystem(place.area), Geometry)
        if is_fat and not _is_sound_fat(path, image, place.area):
            return EXIT_FAILED
        filesystem = open_filesystem(place.area)
        _say(_described(path, place, filesystem))
        if isinstance(filesystem, LittleFilesystem):
            count = filesystem.check()
        else:
            count = sum(not entry.is_directory for entry in filesystem.walk())
        _say(f"sound: {count:,} files")
        return 0


def _is_sound_fat(path: Path, image: Area, area: Area) -> bool:
    """By fsck.fat, which knows no partitions: one of them is copied out, holes as holes."""
    host.require("disk")
    if area == image:
        return _fsck(path)
    with tempfile.NamedTemporaryFile(prefix="partition-") as copy:
        copy.truncate(area.size)
        for begin, length in _data(area):
            for at in range(begin, begin + length, _PIECE):
                piece = area.read(at, min(_PIECE, begin + length - at))
                os.pwrite(copy.fileno(), piece, at)
        return _fsck(Path(copy.name))


def _data(area: Area) -> list[tuple[int, int]]:
    """Offset and length of what is no hole in the file."""
    found = []
    at, end = area.start, area.start + area.size
    while at < end:
        try:
            begin = os.lseek(area.descriptor, at, os.SEEK_DATA)
        except OSError:
            break  # ENXIO: only a hole is left.
        at = min(os.lseek(area.descriptor, begin, os.SEEK_HOLE), end)
        if begin < end:
            found.append((begin - area.start, at - begin))
    return found


def _fsck(path: Path) -> bool:
    """Whether fsck.fat finds nothing. What it finds is printed."""
    path_variable = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    done = subprocess.run(
        ["fsck.fat", "-n", str(path.absolute())],
        capture_output=True,
        text=True,
        errors="replace",
        env=os.environ | {"PATH": path_variable},
        check=False,
    )
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    if done.returncode == 0:
        return True
    _say("damaged, as fsck.fat says:")
    for line in lines[1:]:  # The first is its version.
        _say(f"  {printable(line)}")
    return False


def _described(path: Path, place: Place, filesystem: Filesystem) -> str:
    """One line: what the image is."""
    parts = []
    if place.table is not None and place.partition is not None:
        count = len(place.table.partitions)
        name = f" ({printable(place.partition.name)})" if place.partition.name else ""
        parts.append(f"{place.table.kind}, partition {place.partition.number}{name} of {count}")
        if place.table.problem:
            parts.append(f"by the copy of the table, as in the first {place.table.problem}")
    unit = "blocks" if isinstance(filesystem, LittleFilesystem) else "clusters"
    size = f", {unit} of {filesystem.unit:,} bytes" if filesystem.unit else ""
    parts.append(filesystem.kind + size)
    if filesystem.label:
        parts.append(f"label {printable(filesystem.label)}")
    parts.append(f"{place.area.size:,} bytes, {filesystem.free:,} free")
    return f"{path}: {'; '.join(parts)}"


def printable(text: str) -> str:
    """Without what a terminal would obey: it comes from the image."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def _say(text: str) -> None:
    Console(highlight=False).print(text, markup=False, soft_wrap=True)
