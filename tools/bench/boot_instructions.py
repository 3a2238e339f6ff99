# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""How many instructions a guest executes from its PVH entry to its prompt, and in which functions.

QEMU stops at the entry by its gdb stub. From there on its log names each instruction it executes,
one a line, each byte written to the UART, and each exception. What is logged but not executed shows
in the log, so the count is exact; QEMU's own count (`-icount`) must agree, to the instruction.
"""

import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import WorkFailed
from ..guest import PROMPT, Guest
from ..vmm.base import VmSpec
from ..vmm.qemu import Qemu
from .functions import Functions, pvh_entry
from .gdb_stub import GdbStub

_LOGGED = "exec,nochain,int,trace:serial_write"
# The second name since QEMU 8.1.
_ONE_AT_A_TIME = ("singlestep on", "one-insn-per-tb on")
_SETTLING_INTERVAL = 0.3
_SETTLING_TIMEOUT = 60.0

_EXECUTED = re.compile(rb"^Trace \d+: 0x[0-9a-f]+ \[[0-9a-f]+/([0-9a-f]+)/")
# An instruction that QEMU logged and then began anew: at the end of a time slice, before device
# I/O, or because it faults. A fault is a vector below 32 that is no INT instruction.
_NOT_EXECUTED = re.compile(
    rb"^Stopped execution of TB chain|^cpu_io_recompile: rewound| *\d+: v=[01][0-9a-f] .* i=0 "
)
_SENT = re.compile(rb"^serial_write write addr 0x00 val 0x([0-9a-f]+)")


@dataclass(frozen=True)
class Trace:
    """What a log tells. All counts are of instructions; each repetition of REP is one."""

    executed: int
    at_awaited: int
    """When the last byte of what is awaited had been written to the UART."""
    addresses: dict[int, int]
    """Counts by address, up to there."""


class TracedQemu(Qemu):
    """A QEMU whose guest is counted, or logged to a file, from its PVH entry on."""

    def __init__(self, entry: int, log: Path | None) -> None:
        super().__init__()
        self._entry = entry
        self._log = log
        self._at_entry = 0

    def boot(self) -> None:
        with GdbStub(self.gdb_port) as stub:
            stub.run_to(self._entry)
            self._at_entry = self._icount()
            if self._log is not None:
                answers = {self._order(order) for order in _ONE_AT_A_TIME}
                if all("unknown command" in answer for answer in answers):
                    raise WorkFailed(f"QEMU {self.version} cannot log single instructions.")
                self._order(f"logfile {self._log}")
                self._order(f"log {_LOGGED}")
            stub.detach()

    def executed(self) -> int:
        """Instructions since the entry, by QEMU's own count. The guest must stand still or halt."""
        return self._icount() - self._at_entry

    def halt(self) -> None:
        """Stop the guest."""
        self.monitor.execute("stop")

    def _icount(self) -> int:
        return int(self.monitor.execute("query-replay")["icount"])

    def _order(self, line: str) -> str:
        answer: Any = self.monitor.execute("human-monitor-command", **{"command-line": line})
        return str(answer)


def measure(kernel: Path, awaited: bytes = PROMPT, initramfs: Path | None = None) -> dict[str, Any]:
    """The figures of a boot until it says what is `awaited`, see the keys.

    WorkFailed if the two counts differ.
    """
    boot = _Boot(kernel, awaited, initramfs)
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

    def traced(self) -> tuple[Trace, int]:
        """The log of a boot that was stopped there, and QEMU's own count then."""
        with tempfile.TemporaryDirectory(prefix="trace-") as directory:
            log = Path(directory) / "log"
            vmm = TracedQemu(pvh_entry(self.kernel), log)
            with Guest(vmm, self._spec) as guest:
                guest.read_until(self.awaited)
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
        return VmSpec(self.kernel, initramfs=self.initramfs, count_instructions=True, gdb_port=0)


def read_trace(lines: Iterable[bytes], awaited: bytes = PROMPT) -> Trace:
    """Count a log of QEMU to its end and to what is awaited; WorkFailed if that is missing."""
    counts: Counter[int] = Counter()
    address, executed, at_awaited = 0, 0, 0
    sent = b""
    addresses: dict[int, int] = {}
    for line in lines:
        if match := _EXECUTED.match(line):
            address = int(match[1], 16)
            counts[address] += 1
            executed += 1
        elif _NOT_EXECUTED.match(line):
            counts[address] -= 1
            executed -= 1
        elif match := _SENT.match(line):
            sent += bytes([int(match[1], 16)])
            if not at_awaited and sent.endswith(awaited):
                at_awaited = executed
                addresses = dict(counts)
    if not at_awaited:
        raise WorkFailed(f"QEMU's log shows no {awaited!r} on the UART.", "Is this Debian's QEMU?")
    return Trace(executed, at_awaited, addresses)
