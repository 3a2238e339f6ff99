# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The two guests of `./inv bench net` and their peers, in a network of their own."""

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..build import build
from ..errors import UserError, WorkFailed
from ..guest import Guest
from ..lan import Lan, why_no_lan
from ..vmm.base import Vmm, VmSpec
from ..vmm.nic import Nic
from ..vmm.process import ChildProcess
from . import iperf, linux_guest, net_linux, net_ours
from .emulator import CPU
from .net_job import LINUX, OURS
from .net_linux import LinuxNet
from .net_ours import OurNet

_HERE = Path(__file__).parent
_START_TIMEOUT = 20.0
_POLL_INTERVAL = 0.02


@dataclass(frozen=True)
class Pair:
    """What is booted, and where."""

    firmware: Path
    initramfs: Path
    """Of Linux."""
    lan: Lan
    nics: tuple[Nic, Nic]

    @contextmanager
    def machine(self, vmm: Vmm, cpus: int = 1, counting: bool = False) -> Iterator[Guest]:
        """Our guest, which boots."""
        spec = VmSpec(
            self.firmware,
            cpus=cpus,
            cmdline=net_ours.CMDLINE,
            nics=[self.nics[0]],
            cpu_model=CPU,
            count_instructions=counting,
        )
        with Guest(vmm, spec) as guest:
            yield guest

    @contextmanager
    def ours(self, vmm: Vmm, counting: bool = False) -> Iterator[OurNet]:
        with self.machine(vmm, counting=counting) as guest:
            yield OurNet(guest)

    @contextmanager
    def linux(self, vmm: Vmm, counting: bool = False) -> Iterator[LinuxNet]:
        cmdline = linux_guest.COUNTING_CMDLINE if counting else linux_guest.CMDLINE
        spec = VmSpec(
            linux_guest.kernel(),
            cmdline=f"{cmdline} {net_linux.CMDLINE}",
            initramfs=self.initramfs,
            nics=[self.nics[1]],
            cpu_model=CPU,
            count_instructions=counting,
        )
        with Guest(vmm, spec) as guest:
            yield LinuxNet(guest)


@contextmanager
def make_pair() -> Iterator[Pair]:
    """Build and make what is missing; the peers run. UserError where there can be no network."""
    if reason := why_no_lan():
        raise UserError(f"A network of its own cannot be made: {reason}", "Root's rights do.")
    firmware = build().elf
    with tempfile.TemporaryDirectory(prefix="bench-net-") as directory, Lan() as lan:
        initramfs = Path(directory) / "initramfs"
        net_linux.write_initramfs(initramfs)
        nics = tuple(lan.add_tap(place.tap, [f"{place.host}/24"]) for place in (OURS, LINUX))
        start(lan, iperf.command(str(iperf.directory()), "-s", "--forceflush"), "Server listening")
        start_program(lan, "net_peer")
        yield Pair(firmware, initramfs, lan, (nics[0], nics[1]))


def start_program(lan: Lan, name: str) -> ChildProcess:
    """A program of this package that writes `ready` when it is."""
    return start(lan, program(name), "ready")


def program(name: str, *arguments: str) -> list[str]:
    """The words that run a program of this directory that imports nothing from it."""
    return [sys.executable, "-P", str(_HERE / f"{name}.py"), *arguments]


def start(lan: Lan, command: list[str], says: str) -> ChildProcess:
    """Start a peer, and wait until it says something."""
    peer = lan.start(*command)
    deadline = time.monotonic() + _START_TIMEOUT
    while says not in peer.output:
        if peer.poll() is not None or time.monotonic() > deadline:
            raise WorkFailed(f"{command[0]} does not start: {peer.output}")
        time.sleep(_POLL_INTERVAL)
    return peer
