# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The two guests of `./inv bench disk`, which differ in what is booted and in nothing else."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..build import build
from ..guest import Guest
from ..vmm.base import Vmm, VmSpec
from ..vmm.disk import Disk
from . import disk_linux, linux_guest
from .disk_job import MIB
from .disk_linux import LinuxDisk
from .disk_ours import OurDisk
from .emulator import CPU

IMAGE_BYTES = 64 * MIB
_MEMORY_DIRECTORY = Path("/dev/shm")


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory for images: in memory where the host has such a filesystem, so that no disk of
    the host is measured."""
    place = _MEMORY_DIRECTORY if os.access(_MEMORY_DIRECTORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="bench-disk-", dir=place) as directory:
        yield Path(directory)


@dataclass(frozen=True)
class Pair:
    """What is booted, and the images: of the same content, as no two guests may write one."""

    firmware: Path
    initramfs: Path
    """Of Linux."""
    images: tuple[Path, Path]

    @contextmanager
    def ours(
        self, vmm: Vmm, counting: bool = False, more: Sequence[Disk] = ()
    ) -> Iterator[OurDisk]:
        disks = [Disk(self.images[0]), *more]
        spec = VmSpec(self.firmware, disks=disks, cpu_model=CPU, count_instructions=counting)
        with Guest(vmm, spec) as guest:
            yield OurDisk(guest)

    @contextmanager
    def linux(
        self, vmm: Vmm, counting: bool = False, image: Path | None = None
    ) -> Iterator[LinuxDisk]:
        """With another `image` in place of the raw one."""
        spec = VmSpec(
            linux_guest.kernel(),
            cmdline=linux_guest.COUNTING_CMDLINE if counting else linux_guest.CMDLINE,
            initramfs=self.initramfs,
            disks=[Disk(image or self.images[1])],
            cpu_model=CPU,
            count_instructions=counting,
        )
        with Guest(vmm, spec) as guest:
            yield LinuxDisk(guest)


def make_pair(directory: Path) -> Pair:
    """Build and make what is missing."""
    content = os.urandom(MIB) * (IMAGE_BYTES // MIB)
    images = directory / "ours.img", directory / "linux.img"
    for image in images:
        image.write_bytes(content)
    initramfs = directory / "initramfs"
    disk_linux.write_initramfs(initramfs)
    return Pair(build().elf, initramfs, images)
