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
from .fsck import SHARED, kind_of
from .model import Tree

LIMITS = frozenset(
    {
        "clusters that belong to nothing",
        "file with more clusters than its size needs",
        "file with fewer clusters than its size needs",
        SHARED,
        "part of a long name",
        "copies of the FAT that differ",
        "wrong count of free clusters",
    }
)
"""FAT's own, where only the VMM dies: docs/disks.md."""


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
    for kind in map(kind_of, done.stdout.splitlines()):
        if kind in LIMITS:
            found.add(kind)
        elif kind:
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
