# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The Linux guest in which the unix port runs: Debian's cloud kernel, busybox, and nothing else.

Both come out of Debian's packages, which are unpacked and not installed.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from ..errors import UserError, WorkFailed
from ..sources import fetch_binary_package
from ..vmm.cpio import make_archive
from .emulator import Emulator

_INIT = Path(__file__).parent / "linux_init.sh"
KERNEL_PACKAGE = "linux-image-cloud-amd64"
BUSYBOX_PACKAGE = "busybox-static"

# What costs Linux time for security alone is off, and its TSC needs no calibration where an
# instruction takes one nanosecond.
CMDLINE = "console=ttyS0 quiet panic=-1 mitigations=off"
COUNTING_CMDLINE = f"{CMDLINE} tsc_early_khz=1000000 tsc=reliable"

_READY = b"linux: ready\n"
_EXIT = b"linux: exit "
_BOOT_TIMEOUT = 120.0


def kernel() -> Path:
    """Debian's kernel, as it is booted."""
    return file_of(KERNEL_PACKAGE, "boot/vmlinuz-*")


def write_initramfs(micropython: Path, scripts: Mapping[str, bytes], path: Path) -> None:
    """Make the initramfs with the unix port and the benchmarks (by name) in it."""
    files = {
        "init": (_INIT.read_bytes(), 0o755),
        "bin/busybox": (file_of(BUSYBOX_PACKAGE, "**/bin/busybox").read_bytes(), 0o755),
        "bin/micropython": (micropython.read_bytes(), 0o755),
    }
    files |= {f"bench/{name}.py": (script, 0o644) for name, script in scripts.items()}
    path.write_bytes(make_archive(["bin", "bench", "dev", "proc"], files))


class LinuxGuest:
    """A running Linux guest that runs one benchmark at a time."""

    def __init__(self, emulator: Emulator) -> None:
        """Waits until it is up."""
        self._emulator = emulator
        emulator.read_until(_READY, _BOOT_TIMEOUT)

    def run(self, name: str, heap: str, timeout: float) -> str:
        """What the benchmark prints; WorkFailed if it fails. `heap` as -X heapsize= takes it."""
        self._emulator.write(f"{heap} {name}\n".encode())
        output = self._emulator.read_until(_EXIT, timeout)[: -len(_EXIT)].decode()
        code = self._emulator.read_until(b"\n", timeout).strip()
        if code != b"0":
            raise WorkFailed(f"The unix port failed at {name} with exit code {code!r}:\n{output}")
        return output


def start(initramfs: Path, count_instructions: bool) -> Emulator:
    """The machine with Linux in it, which boots."""
    cmdline = COUNTING_CMDLINE if count_instructions else CMDLINE
    return Emulator(kernel(), cmdline, initramfs, count_instructions)


def kernel_version() -> str:
    """As uname -r says it."""
    return re.sub(r"^vmlinuz-", "", kernel().name)


def file_of(package: str, pattern: str) -> Path:
    """A file of a package, the last of several."""
    found = sorted(fetch_binary_package(package).glob(pattern))
    if not found:
        raise UserError(f"The package {package} holds no {pattern}.", "./inv clean --all")
    return found[-1]
