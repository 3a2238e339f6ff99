# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""How many instructions a guest executes from its PVH entry to its prompt, and in which functions.

QEMU stops at the entry by its gdb stub. From there on its log names each instruction it executes,
one a line, each byte written to the UART, and each exception. What is logged but not executed shows
in the log, so the count is exact; QEMU's own count (`-icount`) must agree, to the instruction.
"""

import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import WorkFailed
from ..guest import PROMPT, Guest
from ..vmm.base import VmSpec
from ..vmm.disk import Disk
from ..vmm.nic import Nic
from .functions import Functions, pvh_entry
from .gdb_stub import GdbStub
from .instruction_log import InstructionLog, LoggingQemu

_SETTLING_INTERVAL = 0.3
_SETTLING_TIMEOUT = 60.0
_TIMEOUT = 300.0
"""Logged, a guest executes some hundred thousand instructions a second."""


@dataclass(frozen=True)
class Trace:
    """What a log tells. All counts are of instructions; each repetition of REP is one."""

    executed: int
    at_awaited: int
    """When the last byte of what is awaited had been written to the UART."""
    addresses: dict[int, int]
    """Counts by address, up to there."""


class TracedQemu(LoggingQemu):
    """A QEMU whose guest is counted, or logged to a file, from its PVH entry on."""

    def __init__(self, entry: int, log: Path | None) -> None:
        super().__init__()
        self._entry = entry
        self._log = log
        self._at_entry = 0

    def boot(self) -> None:
        with GdbStub(self.gdb_port) as stub:
            stub.run_to(self._entry)
            self._at_entry = super().executed()
            if self._log is not None:
                self.start_log(self._log)
            stub.detach()

    def executed(self) -> int:
        """Instructions since the entry."""
        return super().executed() - self._at_entry


def measure(
    kernel: Path,
    awaited: bytes = PROMPT,
    initramfs: Path | None = None,
    disks: Sequence[Disk] = (),
    nics: Sequence[Nic] = (),
    cmdline: str = "",
) -> dict[str, Any]:
    """The figures of a boot until it says what is `awaited`, see the keys.

    WorkFailed if the two counts differ.
    """
    boot = _Boot(kernel, awaited, initramfs, disks, nics, cmdline)
    trace, counted = boot.traced()
    if trace.executed != counted:
        raise WorkFailed(
            f"QEMU's log shows {trace.executed:,} instructions, its count is {counted:,}.",
            "Report this with the version of QEMU.",
        )
    return {
        "instructions_to_prompt": trace.at_awaited,
        "instructions_until_it_waits": boot.instructions_until_it_waits(),
        "checked_against_icount": counted,
        "by_function": Functions(kernel).sums(trace.addresses.items()),
    }


@dataclass(frozen=True)
class _Boot:
    """What is booted, and until when."""

    kernel: Path
    awaited: bytes
    initramfs: Path | None
    disks: Sequence[Disk]
    nics: Sequence[Nic]
    cmdline: str

    def traced(self) -> tuple[Trace, int]:
        """The log of a boot that was stopped there, and QEMU's own count then."""
        with tempfile.TemporaryDirectory(prefix="trace-") as directory:
            log = Path(directory) / "log"
            vmm = TracedQemu(pvh_entry(self.kernel), log)
            with Guest(vmm, self._spec) as guest:
                guest.read_until(self.awaited, _TIMEOUT)
                vmm.halt()
                counted = vmm.executed()
            with log.open("rb") as lines:
                return read_trace(lines, self.awaited), counted

    def instructions_until_it_waits(self) -> int:
        """Up to the first time that the guest halts for good: it may work on after the prompt."""
        vmm = TracedQemu(pvh_entry(self.kernel), None)
        with Guest(vmm, self._spec) as guest:
            guest.read_until(self.awaited)
            deadline = time.monotonic() + _SETTLING_TIMEOUT
            before = -1
            while (now := vmm.executed()) != before:
                if time.monotonic() > deadline:
                    raise WorkFailed("The guest does not come to rest.")
                before = now
                time.sleep(_SETTLING_INTERVAL)
            return now

    @property
    def _spec(self) -> VmSpec:
        return VmSpec(
            self.kernel,
            cmdline=self.cmdline,
            initramfs=self.initramfs,
            disks=self.disks,
            nics=self.nics,
            count_instructions=True,
            gdb_port=0,
        )


def read_trace(lines: Iterable[bytes], awaited: bytes = PROMPT) -> Trace:
    """Count a log of QEMU to its end and to what is awaited; WorkFailed if that is missing."""
    log = InstructionLog()
    sent = b""
    at_awaited = 0
    addresses: dict[int, int] = {}
    for line in lines:
        byte = log.take(line)
        if byte is not None and not at_awaited:
            sent += bytes([byte])
            if sent.endswith(awaited):
                at_awaited = log.executed
                addresses = dict(log.counts)
    if not at_awaited:
        raise WorkFailed(f"QEMU's log shows no {awaited!r} on the UART.", "Is this Debian's QEMU?")
    return Trace(log.executed, at_awaited, addresses)
