# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What a cut has left in the image, as the host sees it."""

import os
import subprocess
from pathlib import Path

from ..disk.detect import find_place, open_filesystem
from ..disk.image import open_image
from ..disk.isolation import isolated
from ..disk.littlefs import LittleFilesystem
from ..errors import WorkFailed
from .model import Tree

SHARED = "two entries of the same clusters"
LIMITS = (
    ("Reclaimed", "clusters that belong to nothing"),
    ("cluster chain length is >", "file with more clusters than its size needs"),
    ("cluster chain length is", "file with fewer clusters than its size needs"),
    ("share clusters", SHARED),
    ("Orphaned long file name", "part of a long name"),
    ("Long filename fragment", "part of a long name"),
    ("FATs differ", "copies of the FAT that differ"),
    ("Free cluster summary wrong", "wrong count of free clusters"),
)
"""What fsck.fat 4.2 says of FAT's own limits, and what docs/disks.md calls them."""
_ASIDE = (
    "/",
    "fsck.fat ",
    "Leaving ",
    "Truncating ",
    "Auto-",
    "Not auto-",
    "Using first FAT",
    "(Maybe the start bit",
)
"""How lines of its own doings begin, and those with a name."""


def read(path: Path) -> Tree:
    """All that is in the filesystem. Broken if it is damaged."""
    with open_image(path, write=False) as image:
        filesystem = open_filesystem(find_place(image, None).area)
        return {
            entry.path: None if entry.is_directory else b"".join(filesystem.read(entry.path))
            for entry in filesystem.walk()
        }


def check_littlefs(path: Path) -> None:
    """Broken unless it is consistent: in a process of its own, as an image may crash littlefs."""

    def check() -> int:
        with open_image(path, write=False) as image:
            filesystem = open_filesystem(find_place(image, None).area)
            assert isinstance(filesystem, LittleFilesystem)
            return filesystem.check()

    isolated(check)


def check_fat(path: Path) -> set[str]:
    """Which of FAT's limits fsck.fat finds; WorkFailed if it finds anything else."""
    done = _fsck(path, "-n")
    found = set()
    for line in map(str.strip, done.stdout.splitlines()):
        kind = next((kind for words, kind in LIMITS if words in line), None)
        if kind is not None:
            found.add(kind)
        elif line and not line.startswith(_ASIDE):
            raise WorkFailed(f"{path} is beyond FAT's limits:\n{done.stdout}")
    return found


def repair_fat(path: Path) -> None:
    """As a user does before such an image is written to."""
    _fsck(path, "-a")
    if _fsck(path, "-n").returncode:
        raise WorkFailed(f"{path}: fsck.fat -a leaves it damaged.")


def _fsck(path: Path, option: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["fsck.fat", option, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=os.environ | {"PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"},
        check=False,
    )
