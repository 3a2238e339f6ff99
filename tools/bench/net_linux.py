# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The Linux guest of `./inv bench net`: Debian's cloud kernel, busybox, iperf3 and net_rival.c."""

import re
import subprocess
import tempfile
from pathlib import Path

from ..errors import WorkFailed
from ..guest import Guest
from ..vmm.cpio import make_archive
from ..vmm.nested_image import modules_in_order
from . import iperf, linux_guest
from .net_job import LINUX, Flow, Kind
from .net_peer import DATAGRAM

_INIT = Path(__file__).parent / "net_init.sh"
_RIVAL = Path(__file__).parent / "net_rival.c"
_MODULES = ("virtio_pci", "virtio_net")
_READY = b"linux: ready\n"
_EXIT = re.compile(rb"linux: exit (\d+)\n")
_BOOT_TIMEOUT = 300.0
_TIMEOUT = 120.0

CMDLINE = f"address={LINUX.guest}"


def write_initramfs(path: Path) -> None:
    """Make the initramfs: a kernel's modules, and the programs."""
    kernel = linux_guest.kernel()
    modules = next(kernel.parents[1].glob(f"**/lib/modules/{linux_guest.kernel_version()}"))
    loaded = modules_in_order(modules, _MODULES)
    busybox = linux_guest.file_of(linux_guest.BUSYBOX_PACKAGE, "**/bin/busybox")
    files = {
        "init": (_INIT.read_bytes(), 0o755),
        "bin/busybox": (busybox.read_bytes(), 0o755),
        "bin/rival": (compile_rival(), 0o755),
        "modules/list": ("".join(f"/modules/{name}.ko\n" for name in loaded).encode(), 0o644),
    }
    files |= {f"modules/{name}.ko": (content, 0o644) for name, content in loaded.items()}
    files |= {f"iperf/{one.name}": (one.read_bytes(), 0o755) for one in iperf.directory().iterdir()}
    directories = ["bin", "dev", "iperf", "modules", "proc", "sys", "tmp"]
    path.write_bytes(make_archive(directories, files))


def compile_rival() -> bytes:
    """The program of net_rival.c, which needs no libraries."""
    with tempfile.TemporaryDirectory(prefix="rival-") as directory:
        program = Path(directory) / "rival"
        command = ["gcc", "-std=gnu11", "-O2", "-s", "-Wall", "-Wextra", "-Werror", "-static"]
        done = subprocess.run(
            [*command, "-o", str(program), str(_RIVAL)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode != 0:
            raise WorkFailed(f"{_RIVAL.name} does not compile: {done.stderr.strip()}")
        return program.read_bytes()


def options_of(flow: Flow, seconds: int) -> list[str]:
    """iperf3's options for a flow: no reports on the way, kilobits in the last."""
    options = ["-c", LINUX.host, "-t", str(seconds), "-i", "0", "-f", "k"]
    options += ["-u", "-b", "0", "-l", str(DATAGRAM)] if flow.udp else []
    return [*options, "-R"] if flow.receives else options


class LinuxNet:
    """A running Linux guest that does one thing at a time."""

    def __init__(self, guest: Guest) -> None:
        """Waits until it is up."""
        self.guest = guest
        guest.read_until(_READY, _BOOT_TIMEOUT)

    def flow(self, flow: Flow, seconds: int) -> float:
        said = self._run(iperf.command("/iperf", *options_of(flow, seconds)))
        rate = re.search(r" (\d+) Kbits/sec.* receiver", said)
        if rate is None:
            raise WorkFailed(f"iperf3 failed at {flow.name}:\n{said}")
        return float(rate[1])

    def turn(self, kind: Kind, count: int) -> float:
        return float(self._run(["/bin/rival", kind.name, LINUX.host, str(count)]))

    def _run(self, command: list[str]) -> str:
        """What a command writes; WorkFailed if it fails."""
        self.guest.write(f"{' '.join(command)}\n".encode())
        output = self.guest.read_until(_EXIT, _TIMEOUT).decode(errors="replace")
        said, _, code = output.rpartition("linux: exit ")
        if code != "0\n":
            raise WorkFailed(f"{' '.join(command)} failed:\n{output}")
        return said
