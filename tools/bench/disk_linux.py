# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The Linux guest of `./inv bench disk`: Debian's cloud kernel, busybox and fio with direct I/O."""

import re
from pathlib import Path

from ..errors import WorkFailed
from ..guest import Guest
from ..vmm.cpio import make_archive
from ..vmm.nested_image import modules_in_order
from . import linux_guest
from .disk_job import Job, Turn
from .fio import build_fio

_INIT = Path(__file__).parent / "disk_init.sh"
_MODULES = ("virtio_pci", "virtio_blk")
_READY = b"linux: ready\n"
_EXIT = re.compile(rb"linux: exit (\d+)\n")
_BOOT_TIMEOUT = 300.0
_TIMEOUT = 300.0

# The least that fio does beside its requests; one thread, which submits and reaps.
_OPTIONS = "--filename=/dev/vda --direct=1 --thread --gtod_reduce=1 --norandommap --randrepeat=0"
_OPTIONS += " --invalidate=0 --zero_buffers=1 --output-format=terse --terse-version=3"
# Where reads and writes have their run time, in milliseconds: fio(1), TERSE OUTPUT.
_RUN_TIME = {False: 8, True: 49}


def write_initramfs(path: Path) -> None:
    """Make the initramfs: a kernel's modules, and the two programs."""
    kernel = linux_guest.kernel()
    version = linux_guest.kernel_version()
    modules = next(kernel.parents[1].glob(f"**/lib/modules/{version}"))
    loaded = modules_in_order(modules, _MODULES)
    busybox = linux_guest.file_of(linux_guest.BUSYBOX_PACKAGE, "**/bin/busybox")
    files = {
        "init": (_INIT.read_bytes(), 0o755),
        "bin/busybox": (busybox.read_bytes(), 0o755),
        "bin/fio": (build_fio().read_bytes(), 0o755),
        "modules/list": ("".join(f"/modules/{name}.ko\n" for name in loaded).encode(), 0o644),
    }
    files |= {f"modules/{name}.ko": (content, 0o644) for name, content in loaded.items()}
    path.write_bytes(make_archive(["bin", "dev", "modules", "proc", "sys", "tmp"], files))


def options_of(job: Job) -> str:
    """fio's options for a job. Depth 1 needs no engine that keeps several in flight."""
    kind = ("rand" if job.scattered else "") + ("write" if job.writes else "read")
    engine = "psync" if job.depth == 1 else "io_uring"
    options = f"{_OPTIONS} --rw={kind} --bs={job.block} --ioengine={engine} --iodepth={job.depth}"
    return f"{options} --io_size={job.count * job.block}"


class LinuxDisk:
    """A running Linux guest that does one job at a time."""

    def __init__(self, guest: Guest) -> None:
        """Waits until it is up."""
        self.guest = guest
        guest.read_until(_READY, _BOOT_TIMEOUT)

    def run(self, job: Job) -> Turn:
        self.guest.write(options_of(job).encode() + b"\n")
        output = self.guest.read_until(_EXIT, _TIMEOUT).decode(errors="replace")
        terse = re.search(r"^3;fio-.*$", output, re.MULTILINE)
        counts = re.search(r"^ *\d+:((?: +\d+)+) .*virtio0-req", output, re.MULTILINE)
        if terse is None or counts is None or not output.endswith("linux: exit 0\n"):
            raise WorkFailed(f"fio failed at {job.name}:\n{output}")
        milliseconds = int(terse[0].split(";")[_RUN_TIME[job.writes]])
        return Turn(1000 * milliseconds, sum(map(int, counts[1].split())))
