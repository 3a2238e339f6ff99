# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What `--share` takes."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from ..vmm.disk import Disk

SYNTAX = "DIR[:/NAME][:ro]"
_DEFAULT_POINT = "/share"
_READONLY = ":ro"
_POINT = re.compile(r"/[A-Za-z0-9_.+-]{0,64}")
_TAKEN = re.compile(r"/(rom|disk\d+|\.\.?)")
"""The application's place, those of disks without one, and what no name can be."""


@dataclass(frozen=True)
class Share:
    """A directory of the host, and where the guest has it."""

    directory: Path
    point: str = _DEFAULT_POINT
    readonly: bool = False


def parse_share(text: str) -> Share:
    """As it was typed. UserError where there is no such directory, or it cannot be there."""
    rest = text.removesuffix(_READONLY)
    directory, separator, name = rest.rpartition(":/")
    if not separator:
        directory, name = rest, _DEFAULT_POINT[1:]
    point = f"/{name}"
    if not _POINT.fullmatch(point) or _TAKEN.fullmatch(point):
        raise UserError(
            f"--share {text}: the guest cannot have it at {point}.",
            "Give / or one name behind it, of A-Z, a-z, 0-9 and _ . + -, but not rom or diskN.",
        )
    share = Share(Path(directory), point, readonly=rest != text)
    if not directory or not share.directory.exists():
        raise UserError(f"--share {text}: {directory} does not exist.", f"Write {SYNTAX}.")
    if not share.directory.is_dir():
        raise UserError(f"--share {text}: {directory} is no directory.", "Share the one it is in.")
    return share


def serial_of(number: int) -> str:
    """Of the disk of a share."""
    return f"share{number}"


def check_shares(shares: Sequence[Share], disks: Iterable[Disk]) -> None:
    """UserError where two want one place, or a disk has the name of one."""
    points = [share.point for share in shares]
    for point in points:
        if points.count(point) > 1:
            raise UserError(f"Two shares cannot both be at {point}.", f"Write {SYNTAX}.")
    serials = [serial_of(number) for number in range(len(shares))]
    for disk in disks:
        if disk.shown_serial in serials:
            raise UserError(
                f"The disk {disk.path} has the serial of a share, {disk.shown_serial}.",
                "Give it another: --disk …,serial=TEXT.",
            )
