# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Files on a disk, beside the raw disk: one after another in the same guest."""

import statistics
from pathlib import Path

from ..disk.create import Wish, create
from ..terminal import progress
from ..vmm import make_vmm
from ..vmm.disk import Disk
from .disk_job import KIB, MIB
from .disk_ours import OurDisk
from .disk_pair import IMAGE_BYTES, Pair
from .report import Figures

ROUNDS = 3
PIECES = (4 * KIB, 64 * KIB, MIB)
FILESYSTEMS = ("fat", "littlefs")
_BYTES = {4 * KIB: 4 * MIB, 64 * KIB: 20 * MIB, MIB: 20 * MIB}
"""Of the file, by the size of its pieces. littlefs keeps a file until its new content is whole, so
two must have room in the image."""
_TIMEOUT = 300.0

# Each filesystem is mounted at the boot; the raw disk is the first one. All of the images is read
# once, so that the host has them in its memory. Before a file is read, its filesystem is mounted
# anew: nothing of it is in the guest's memory.
_PROGRAM = """
import os, vfs
for each in machine.Disk.list():
    each_buffer = bytearray(1 << 20)
    for i in range(each.size >> 20):
        each.readblocks(i * 2048, each_buffer)
def timed(act, *args):
    gc.collect()
    begin = ticks_us()
    act(*args)
    return ticks_diff(ticks_us(), begin)
def write(path, buffer, count):
    with open(path, "wb") as file:
        for _ in range(count):
            file.write(buffer)
    os.sync()
def read(path, buffer, count):
    with open(path, "rb") as file:
        for _ in range(count):
            if file.readinto(buffer) != len(buffer):
                raise OSError
def raw_write(buffer, count):
    for i in range(count):
        disk.writeblocks(i * len(buffer) // 512, buffer)
    disk.flush()
def raw_read(buffer, count):
    for i in range(count):
        disk.readblocks(i * len(buffer) // 512, buffer)
def turn(number, place, block, count):
    path = place + "/file"
    buffer = bytearray(block)
    raw = timed(raw_write, buffer, count), timed(raw_read, buffer, count)
    written = timed(write, path, buffer, count)
    vfs.umount(place or "/")
    vfs.mount(machine.Disk(number), place or "/")
    file = written, timed(read, path, buffer, count)
    os.remove(path)
    print((raw, file))
"""


def measure(pair: Pair, name: str, directory: Path) -> Figures:
    """By filesystem, piece and direction ("write", "read"): `raw` and `file`, microseconds of each
    turn; and `ratio` of the medians, what a file gives of what the raw disk gives. A write's time
    goes on until all is on the disk. `directory`: for the images."""
    disks = []
    for filesystem in FILESYSTEMS:
        image = directory / f"files-{filesystem}.img"
        create(image, Wish(IMAGE_BYTES, filesystem), source=None, force=True)
        disks.append(Disk(image))
    figures: Figures = {}
    with pair.ours(make_vmm(name), more=disks) as disk, progress("Measuring files") as line:
        disk.guest.output_of(_PROGRAM)
        for number, filesystem in enumerate(FILESYSTEMS, 1):
            figures[filesystem] = {}
            for piece in PIECES:
                line.detail(f"{filesystem}, {piece:,} bytes at a time")
                figures[filesystem][str(piece)] = _of_piece(disk, number, piece)
    return figures


def _of_piece(disk: OurDisk, number: int, piece: int) -> Figures:
    place = f"/disk{number - 1}" if number > 1 else ""
    code = f"turn({number}, {place!r}, {piece}, {_BYTES[piece] // piece})"
    turns = [disk.value_of(code, _TIMEOUT) for _ in range(ROUNDS)]
    figures: Figures = {"bytes": _BYTES[piece]}
    for index, direction in enumerate(("write", "read")):
        raw, file = ([turn[kind][index] for turn in turns] for kind in (0, 1))
        ratio = statistics.median(raw) / statistics.median(file)
        figures[direction] = {"raw": raw, "file": file, "ratio": int(1000 * ratio) / 1000}
    return figures
