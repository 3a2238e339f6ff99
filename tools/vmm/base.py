# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What every VMM back end offers, and what a guest machine is made of.

A `Vmm` is one running VMM process with one guest in it. It knows nothing about MicroPython: it
starts a machine, says where its serial line is, and tells how the machine ended.
"""

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self
from uuid import UUID

from ..errors import UserError
from .disk import Disk
from .nic import Nic

_POLL_INTERVAL = 0.02
_PAGE = 4096
_MOST_MEMORY = 64 << 40
"""What 46 bits of physical address reach."""
_UNITS = {"": 0, "K": 10, "M": 20, "G": 30}


class Ending(Enum):
    """How a machine came to its end."""

    POWERED_OFF = "the guest powered off"
    RESET = "the guest reset"
    VMM_FAILED = "the VMM failed"


class VmmError(Exception):
    """The VMM could not be started, or did not do what it was told; the text says what it said."""


@dataclass(frozen=True)
class VmSpec:
    """A machine to start. Everything means the same on every back end unless it says otherwise."""

    kernel: Path
    """The PVH ELF file to boot."""
    cpus: int = 1
    memory: str = "512M"
    """A number with K, M or G (binary units), as Cloud Hypervisor's `--memory size=` takes it."""
    cmdline: str = ""
    initramfs: Path | None = None
    disks: Sequence[Disk] = ()
    """In the order in which the guest finds them."""
    nics: Sequence[Nic] = ()
    """The same."""
    entropy: Path | None = Path("/dev/urandom")
    """What the entropy device reads, on the machine that the VMM runs on. None: there is no such
    device; QEMU only, Cloud Hypervisor always has one."""
    uuid: UUID | None = None
    """What `machine.unique_id()` gives; None: what the VMM does by itself."""
    allow_reboot: bool = False
    """Let a reset boot the guest again (counted in `Vmm.reboots`) instead of ending the machine."""
    debug_console: bool = False
    """Give the machine an output port at 0xe9; what it takes is part of `Vmm.stderr_text`."""
    cpu_model: str = "max"
    """QEMU only: the CPU to emulate."""
    count_instructions: bool = False
    """QEMU only: one guest instruction is one nanosecond, so that the TSC counts instructions."""
    skip_idle_time: bool = False
    """QEMU only, with `count_instructions`: while all CPUs wait, time jumps to the next event."""
    gdb_port: int | None = None
    """A port of the loopback interface (0: any free one) where the machine waits for gdb before it
    runs its first instruction; `Vmm.boot` leaves it waiting. Cloud Hypervisor has that only where
    it was built with its feature guest_debug."""

    @property
    def memory_bytes(self) -> int:
        """The memory size in bytes; UserError if `memory` is not a size."""
        return parse_size(self.memory)


def parse_size(text: str) -> int:
    """Bytes of a size such as 512M or 4G, a whole number of pages; UserError for anything else."""
    match = re.fullmatch(r"([1-9][0-9]{,15})([KMG]?)", text)
    if match is None:
        raise UserError(f"'{text}' is not a memory size.", "Write a number and K, M or G: 512M.")
    size = int(match[1]) << _UNITS[match[2]]
    if size % _PAGE or size > _MOST_MEMORY:
        raise UserError(
            f"{text} of memory cannot be had.", "Give a multiple of 4 KiB, 64 TiB at most."
        )
    return size


class Vmm(ABC):
    """One VMM process with its guest. Use it as a context manager: leaving it stops everything.

    `start` makes the machine and its serial line, `boot` lets it run. Whoever wants every byte of
    output opens `serial` between the two. Start it from a thread that lives as long as the VMM:
    the kernel kills the VMM when the thread that started it ends.
    """

    name: ClassVar[str]
    slowness: ClassVar[float] = 1.0
    """How much longer a guest takes here than under QEMU's emulation: stretches timeouts."""

    def __init__(self) -> None:
        self.reboots = 0
        """Grows when the guest resets itself under `VmSpec.allow_reboot`, by one or more a reset:
        the firmware of QEMU's q35 adds a reset of its own."""
        self.gdb_port = 0
        """Where a machine with `VmSpec.gdb_port` waits for gdb, once it is started."""

    @property
    @abstractmethod
    def version(self) -> str:
        """The VMM's own version, for reports."""

    @abstractmethod
    def start(self, spec: VmSpec) -> None:
        """Make the machine. UserError if it cannot be as asked, VmmError if the VMM fails."""

    @abstractmethod
    def boot(self) -> None:
        """Let the machine run. A machine that already runs is left alone."""

    @property
    @abstractmethod
    def serial(self) -> str:
        """The serial line, as pyserial's `serial_for_url` takes it: the same as long as it lives.

        One client at a time; a second one waits, or takes the line of the first.
        """

    @abstractmethod
    def poll(self) -> Ending | None:
        """How the machine ended, None while it runs. Ends a machine that reset unasked."""

    @property
    @abstractmethod
    def stderr_text(self) -> str:
        """What the VMM has written to its standard error (and output) so far."""

    @abstractmethod
    def inject_nmi(self) -> None:
        """Send a non-maskable interrupt to the guest's CPUs."""

    def press_power_button(self) -> None:
        """Ask the guest to power off. UserError where the machine has no such button."""
        raise UserError(f"{self.name} has no power button here.", "Use --vmm nested.")

    def add_disk(self, disk: Disk) -> str:
        """Plug a disk into the running machine; gives its id. UserError where that cannot be.

        Those of VmSpec.disks are disk0, disk1, …
        """
        raise self._no_hot_plug("disks")

    def remove_disk(self, id: str, timeout: float) -> bool:
        """Ask the guest to let go of a disk; whether it has done so in time. UserError as above."""
        raise self._no_hot_plug("disks")

    def add_nic(self, nic: Nic) -> str:
        """Plug a network device into the running machine; gives its id. UserError as above.

        Those of VmSpec.nics are net0, net1, …
        """
        raise self._no_hot_plug("network devices")

    def remove_nic(self, id: str, timeout: float) -> bool:
        """Ask the guest to let go of a network device; whether it has done so in time."""
        raise self._no_hot_plug("network devices")

    def _no_hot_plug(self, what: str) -> UserError:
        return UserError(
            f"{self.name} has no {what} that come and go.", "Use Cloud Hypervisor: --vmm nested."
        )

    def resize_disk(self, id: str, size: int) -> None:
        """Give a disk and its image another size, in bytes, and tell the guest."""
        raise VmmError(f"{self.name} cannot resize disks.")

    @abstractmethod
    def stop(self) -> None:
        """End the VMM at once, by SIGKILL, and remove all it left. May be called at any time, and
        twice.

        To the guest it is a power cut. The images of its disks hold what it had written.
        """

    def wait(self, timeout: float) -> Ending | None:
        """Wait up to `timeout` seconds for the machine's end; None if it still runs then."""
        deadline = time.monotonic() + timeout
        while (ending := self.poll()) is None and time.monotonic() < deadline:
            time.sleep(_POLL_INTERVAL)
        return ending

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
