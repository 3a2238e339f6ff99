# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Makes disk images: the file, its partition table, and a filesystem with or without content."""

import contextlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .. import host
from ..errors import UserError, WorkFailed
from . import littlefs, partitions_write, transfer
from .detect import open_filesystem
from .image import SECTOR, Area, open_image

FILESYSTEMS = ("littlefs", "fat")
TABLES = ("none", "mbr", "gpt")
_MIB = 1 << 20
_FAT_SECTORS_MAX = 2**32 - 1
_FAT_SIZES = (
    (256 * _MIB, 16, 8192),
    (1024 * _MIB, 16, 16384),
    (4096 * _MIB, 32, 8192),
    (_FAT_SECTORS_MAX * SECTOR + 1, 32, 32768),
)
"""Up to which size FAT16 or FAT32 has clusters of how many bytes; from 64 MiB on. The guest's
format() has the same: ports/cloud_hypervisor/disk_format.c says why."""
_FAT_LABEL_MAX = 11


@dataclass(frozen=True)
class Wish:
    """What image is wanted."""

    size: int
    filesystem: str = "littlefs"
    label: str = ""
    table: str = "none"
    block_size: int = 0
    """Of littlefs; 0: what suits the size."""


def create(path: Path, wish: Wish, *, source: Path | None, force: bool) -> None:
    """Make the image with what is in the directory `source`: whole, or not at all."""
    _check(wish)
    if source is not None and not source.is_dir():
        raise UserError(f"--from {source}: there is no such directory.")
    if source is not None:
        transfer.refuse_inside(path, source)
    if path.exists():
        if not path.is_file():
            raise UserError(f"{path} is no file.", "Images are made as files.")
        if not force:
            raise UserError(f"{path} exists.", "Give another name, or --force to replace it.")
        with open_image(path, write=True):
            pass  # A running VM would go on with the old one.
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with new.open("xb") as file:
            file.truncate(wish.size)
        with open_image(new, write=True) as image:
            area = _divide(image, wish)
            _make_filesystem(new, area, wish)
            if source is not None:
                transfer.put_content(open_filesystem(area), source)
            image.sync()
        new.replace(path)
    except OSError as error:
        raise UserError(f"{path} cannot be made: {error.strerror or error}.") from None
    finally:
        with contextlib.suppress(OSError):
            new.unlink()


def _check(wish: Wish) -> None:
    if wish.filesystem not in FILESYSTEMS:
        raise UserError(f"--fs {wish.filesystem!r} is not right.", "Give littlefs or fat.")
    if wish.table not in TABLES:
        raise UserError(f"--partition {wish.table!r} is not right.", "Give mbr, gpt or none.")
    if wish.filesystem == "littlefs" and wish.label and wish.table != "gpt":
        raise UserError("--label: littlefs has no label.", "A partition of a GPT has: add that.")
    if any(not letter.isprintable() for letter in wish.label):
        raise UserError(f"--label {wish.label!r} has a character that cannot be printed.")


def _divide(image: Area, wish: Wish) -> Area:
    is_fat = wish.filesystem == "fat"
    if wish.table == "mbr":
        return partitions_write.write_mbr(image, is_fat)
    if wish.table == "gpt":
        return partitions_write.write_gpt(image, is_fat, wish.label)
    return image


def _make_filesystem(path: Path, area: Area, wish: Wish) -> None:
    if wish.filesystem == "littlefs":
        littlefs.make(area, wish.block_size or littlefs.block_size_for(area.size))
    else:
        _make_fat(path, area, wish.label)


def _make_fat(path: Path, area: Area, label: str) -> None:
    """By mkfs.fat, which chooses FAT12 or FAT16 and the size of clusters below 64 MiB."""
    host.require("disk")
    if area.size // SECTOR > _FAT_SECTORS_MAX:
        raise UserError("FAT reaches 2 TiB and no further.", "Give a smaller --size.")
    label = label.upper()
    if len(label) > _FAT_LABEL_MAX or not label.isascii():
        raise UserError(
            f"--label {label!r} is not right.", f"FAT takes {_FAT_LABEL_MAX} characters of ASCII."
        )
    command = ["mkfs.fat", f"--offset={area.start // SECTOR}", "-h", str(area.start // SECTOR)]
    command += ["-n", label] if label else []
    if area.size >= 64 * _MIB:
        width, cluster = next(
            (width, cluster) for below, width, cluster in _FAT_SIZES if area.size < below
        )
        command += ["-F", str(width), "-s", str(cluster // SECTOR)]
    command += [str(path.absolute()), str(area.size // 1024)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="replace",
        env=os.environ | {"PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"},
        check=False,
    )
    if done.returncode != 0:
        said = " ".join(done.stderr.split()) or f"it ended with code {done.returncode}"
        if "too small" in said or "Not enough" in said or "Attempting to create" in said:
            raise UserError(f"The image is too small for FAT: {said}")
        raise WorkFailed(f"mkfs.fat failed: {said}")
