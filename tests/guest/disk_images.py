# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Images of disks with filesystems, made, filled, read and checked by the host."""

import io
import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.host.disk_images import Disk as Sectors
from tests.host.disk_images import Gpt, GptEntry, mbr, mbr_entry
from tools import host
from tools.disk import command, littlefs
from tools.disk.detect import find_place, open_filesystem
from tools.disk.image import open_image

MIB = 1 << 20
SECTOR = 512
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


@dataclass(frozen=True)
class Content:
    """A filesystem that is wanted."""

    kind: str
    """fat or littlefs."""
    unit: int
    """FAT: 12, 16 or 32. littlefs: bytes of a block."""
    size: int


def blank(path: Path, size: int) -> Path:
    """Zeros, which take no room."""
    path.touch()
    os.truncate(path, size)
    return path


def formatted(path: Path, content: Content, sector_size: int = SECTOR) -> Path:
    """An image that is one filesystem."""
    _make(blank(path, content.size), 0, content, sector_size)
    return path


def divided(path: Path, table: str, contents: Sequence[Content]) -> Path:
    """An image with a partition for each: of an MBR (four at most) or of a GPT."""
    starts = [MIB]
    for content in contents:
        starts.append(starts[-1] + content.size)
    blank(path, starts[-1] + MIB)
    sectors = Sectors(path.stat().st_size // SECTOR)
    ranges = [
        (start // SECTOR, content.size // SECTOR)
        for start, content in zip(starts, contents, strict=False)
    ]
    if table == "mbr":
        sectors.write(0, mbr(*(mbr_entry(0x83, start, count) for start, count in ranges)))
    else:
        entries = tuple(GptEntry(start, start + count - 1) for start, count in ranges)
        Gpt(entries).write(sectors)
    write(path, *((at, piece) for at, piece in sectors.pieces if piece is not None))
    for start, content in zip(starts, contents, strict=False):
        _make(path, start, content, SECTOR)
    return path


def write(path: Path, *pieces: tuple[int, bytes]) -> Path:
    """Bytes into an image, each at an offset."""
    with path.open("r+b") as file:
        for at, piece in pieces:
            file.seek(at)
            file.write(piece)
    return path


def _make(path: Path, start: int, content: Content, sector_size: int) -> None:
    if content.kind == "littlefs":
        with open_image(path, write=True) as image:
            littlefs.make(image.part(start, content.size), content.unit)
        return
    host.require("disk")
    subprocess.run(
        [
            "mkfs.fat",
            f"-F{content.unit}",
            f"-S{sector_size}",
            f"--offset={start // SECTOR}",
            f"-h{start // SECTOR}",
            str(path),
            str(content.size // 1024),
        ],
        check=True,
        capture_output=True,
        env=os.environ | {"PATH": _PATH},
    )


def put(path: Path, files: dict[str, bytes], partition: int | None = None) -> None:
    """Files into the filesystem of an image, with the directories that they are in."""
    with open_image(path, write=True) as image:
        filesystem = open_filesystem(find_place(image, partition).area)
        for name, content in files.items():
            directories = name.split("/")[1:-1]
            for depth in range(1, len(directories) + 1):
                directory = "/" + "/".join(directories[:depth])
                if filesystem.find(directory) is None:
                    filesystem.make_directory(directory)
            filesystem.write(name, io.BytesIO(content), len(content), time.time())
        filesystem.commit()


def files(path: Path, partition: int | None = None) -> dict[str, bytes]:
    """All files of the filesystem of an image, which is sound."""
    assert command.check(path, partition) == 0
    with open_image(path, write=False) as image:
        filesystem = open_filesystem(find_place(image, partition).area)
        return {
            entry.path: b"".join(filesystem.read(entry.path))
            for entry in filesystem.walk("/")
            if not entry.is_directory
        }
