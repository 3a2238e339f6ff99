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
from .disk_file_job import FileJob
from .disk_job import Job, Turn
from .fio import build_fio

_INIT = Path(__file__).parent / "disk_init.sh"
_MODULES = ("virtio_pci", "virtio_blk", "vfat", "nls_cp437", "nls_ascii")
"""vfat wants the last two by names that modules do not show that they need."""
_READY = b"linux: ready\n"
_EXIT = re.compile(rb"linux: exit (\d+)\n")
_BOOT_TIMEOUT = 300.0
_TIMEOUT = 300.0
LINE_MOST = 255
"""Linux reads as many bytes at once, and Cloud Hypervisor does not tell it of those left over."""

# The least that fio does beside its requests; one thread, which submits and reaps.
_OPTIONS = "--direct=1 --thread --gtod_reduce=1 --norandommap --randrepeat=0"
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
        "options": (_OPTIONS.encode(), 0o644),
        "modules/list": ("".join(f"/modules/{name}.ko\n" for name in loaded).encode(), 0o644),
    }
    files |= {f"modules/{name}.ko": (content, 0o644) for name, content in loaded.items()}
    path.write_bytes(make_archive(["bin", "dev", "mnt", "modules", "proc", "sys", "tmp"], files))


def line_of(job: Job) -> str:
    """What tells the guest of a job."""
    return ("vfat " if isinstance(job, FileJob) else "none ") + options_of(job)


def options_of(job: Job) -> str:
    """fio's options for a job. Depth 1 needs no engine that keeps several in flight."""
    kind = ("rand" if job.scattered else "") + ("write" if job.writes else "read")
    engine = "psync" if job.depth == 1 else "io_uring"
    options = f"--rw={kind} --bs={job.block} --ioengine={engine} --iodepth={job.depth}"
    options += f" --io_size={job.count * job.block}"
    return options + (_of_files(job) if isinstance(job, FileJob) else " --filename=/dev/vda")


def _of_files(job: FileJob) -> str:
    """One thread for all files, each of which has its turn. What is new gets no room beforehand."""
    options = f" --directory=/mnt --offset={job.first} --fallocate=none"
    if job.depth == 1:
        options += f" --filename={job.files[0]}"
    else:
        options += f" --nrfiles={job.depth} --filename_format=$filenum --filesize={job.file_bytes}"
    options += f" --size={job.count * job.block}" if job.is_new else ""
    options += " --end_fsync=1" if job.writes else ""
    return options + (" --unlink=1" if job.is_new else "")


class LinuxDisk:
    """A running Linux guest that does one job at a time."""

    def __init__(self, guest: Guest) -> None:
        """Waits until it is up."""
        self.guest = guest
        guest.read_until(_READY, _BOOT_TIMEOUT)

    def run(self, job: Job) -> Turn:
        self.guest.write(f"{line_of(job)}\n".encode())
        output = self.guest.read_until(_EXIT, _TIMEOUT).decode(errors="replace")
        terse = re.search(r"^3;fio-.*$", output, re.MULTILINE)
        counts = re.search(r"^ *\d+:((?: +\d+)+) .*virtio0-req", output, re.MULTILINE)
        if terse is None or counts is None or not output.endswith("linux: exit 0\n"):
            raise WorkFailed(f"fio failed at {job.name}:\n{output}")
        milliseconds = int(terse[0].split(";")[_RUN_TIME[job.writes]])
        return Turn(1000 * milliseconds, sum(map(int, counts[1].split())))
