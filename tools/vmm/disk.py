# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""A disk of a guest: a raw image on the host, which means the same on every back end.

A write is in the image's file at the latest when the guest has flushed the disk. A VMM locks what
it writes: no two guests share a disk, unless all of them only read it.
"""

import fcntl
import os
import re
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import UserError

SYNTAX = "path=FILE[,readonly=on][,serial=TEXT][,sector_size=4096][,num_queues=N][,queue_size=N]"

_SERIAL_MOST = 20
"""What the virtio specification has room for (5.2.6, VIRTIO_BLK_T_GET_ID)."""
_SECTOR_SIZES = (512, 4096)
_QUEUE_SIZES = tuple(1 << power for power in range(2, 11))
"""Both VMMs want more than 2 entries; QEMU has 1024 at most."""
_BLKSSZGET = 0x1268  # linux/fs.h
_SWITCH = {"on": True, "off": False}
# QEMU's `Failed to get "write" lock`, Cloud Hypervisor's `Failed to get Write lock`.
_LOCKED = re.compile(r"Failed to get [^\n]{,40}\block\b")


@dataclass(frozen=True)
class Disk:
    """A virtio-blk device and the image behind it. UserError for values that no VMM takes."""

    path: Path
    """A file, or a block device, that holds the sectors and nothing else."""
    readonly: bool = False
    serial: str = ""
    """What the guest reads as the disk's id; the name of the file unless given."""
    sector_size: int = 512
    """Cloud Hypervisor on this host has 4096 only of a block device that has such sectors."""
    num_queues: int = 1
    """No more than the machine has CPUs."""
    queue_size: int = 128

    def __post_init__(self) -> None:
        # Quotes and brackets, for one, mean something to Cloud Hypervisor.
        if not re.fullmatch(rf"[\w.:+-]{{,{_SERIAL_MOST}}}", self.serial, re.ASCII):
            raise UserError(
                f"'{self.serial}' cannot be a disk's serial.",
                f"Give up to {_SERIAL_MOST} of the characters A-Z, a-z, 0-9 and _ . : + -",
            )
        _require_one_of("sector_size", self.sector_size, _SECTOR_SIZES)
        _require_one_of("queue_size", self.queue_size, _QUEUE_SIZES)
        if self.num_queues < 1:
            raise UserError(f"A disk cannot have {self.num_queues} queues.", "One is the least.")

    @property
    def shown_serial(self) -> str:
        """What the guest reads as the disk's id."""
        return self.serial or re.sub(r"[^\w.-]", "_", self.path.name, flags=re.ASCII)[:_SERIAL_MOST]

    @property
    def is_block_device(self) -> bool:
        return stat.S_ISBLK(self.path.stat().st_mode)


def parse_disk(text: str) -> Disk:
    """A disk as `--disk` has it (SYNTAX). UserError unless it and its image can be used."""
    values: dict[str, Any] = {}
    for word in text.split(","):
        key, equals, value = word.partition("=")
        if not equals or key not in _PARSERS:
            raise UserError(f"--disk does not know '{word}'.", f"Write {SYNTAX}.")
        if key in values:
            raise UserError(f"--disk {text} gives {key} twice.")
        values[key] = _PARSERS[key](key, value)
    if "path" not in values:
        raise UserError(f"--disk {text} names no file.", f"Write {SYNTAX}.")
    disk = Disk(**values)
    _check_image(disk)
    return disk


def check_disks(disks: Sequence[Disk], cpus: int) -> None:
    """UserError unless a machine with so many CPUs can have these disks."""
    for disk in disks:
        _check_image(disk)
        if disk.num_queues > cpus:
            raise UserError(
                f"A disk with {disk.num_queues} queues wants as many CPUs.",
                f"Give the machine --cpus {disk.num_queues}, or the disk fewer queues.",
            )


def why_refused(said: str, disks: Sequence[Disk]) -> UserError | None:
    """What a VMM's words say of a disk that is locked; None if they are about something else."""
    if not _LOCKED.search(said):
        return None
    named = [disk for disk in disks if str(disk.path.absolute()) in said] or disks
    paths = dict.fromkeys(str(disk.path) for disk in named)
    return UserError(
        f"{' or '.join(paths)} is in use as the disk of a guest.",
        "End that guest, or give the disk to all its guests with readonly=on.",
    )


def _check_image(disk: Disk) -> None:
    path = disk.path
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise UserError(f"The disk {path} is a directory.", "Give the file of an image.")
        if not stat.S_ISREG(mode) and not stat.S_ISBLK(mode):
            raise UserError(f"The disk {path} is neither a file nor a block device.")
        if not disk.readonly and not os.access(path, os.W_OK):
            raise UserError(f"The disk {path} may not be written.", "Add readonly=on.")
        size = size_of(path)
    except OSError as error:
        raise UserError(f"The disk {path} cannot be used: {error.strerror}.") from None
    if size == 0:
        raise UserError(f"The disk {path} is empty.", f"Give it a size: truncate -s 64M {path}.")
    if size % disk.sector_size:
        raise UserError(
            f"The disk {path} has {size} bytes, no whole number of sectors.",
            f"Make it larger: truncate -s %{disk.sector_size} {path}.",
        )


def size_of(path: Path) -> int:
    """Bytes of an image, also of a block device."""
    with path.open("rb") as file:
        return file.seek(0, os.SEEK_END)


def sector_size_of(path: Path) -> int:
    """Bytes of a sector of a block device; of a file 512."""
    if not stat.S_ISBLK(path.stat().st_mode):
        return 512
    with path.open("rb") as file:
        size = fcntl.ioctl(file, _BLKSSZGET, bytes(4))
    return int.from_bytes(size, sys.byteorder)


def _require_one_of(key: str, value: int, allowed: Sequence[int]) -> None:
    if value not in allowed:
        choice = ", ".join(map(str, allowed))
        raise UserError(f"A disk's {key} cannot be {value}.", f"Give one of {choice}.")


def _path(key: str, value: str) -> Path:
    if not value:
        raise UserError("--disk names no file.", f"Write {SYNTAX}.")
    return Path(value)


def _switch(key: str, value: str) -> bool:
    if value not in _SWITCH:
        raise UserError(f"--disk {key}={value} is not right.", f"Write {key}=on or {key}=off.")
    return _SWITCH[value]


def _text(key: str, value: str) -> str:
    return value


def _number(key: str, value: str) -> int:
    if not re.fullmatch(r"\d{1,9}", value, re.ASCII):
        raise UserError(f"--disk {key}={value} is not right.", "Give a number.")
    return int(value)


_PARSERS = {
    "path": _path,
    "readonly": _switch,
    "serial": _text,
    "sector_size": _number,
    "num_queues": _number,
    "queue_size": _number,
}
