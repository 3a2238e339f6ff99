# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The instructions that a guest executes, one by one, as QEMU logs them.

What is logged but not executed shows in the log, so that a count is exact to the instruction; each
repetition of REP is one. QEMU's own count (`-icount`) is the second way.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import WorkFailed
from ..vmm.qemu import Qemu

_LOGGED = "exec,nochain,int,trace:serial_write"
# The second name since QEMU 8.1.
_ONE_AT_A_TIME = ("singlestep on", "one-insn-per-tb on")

_EXECUTED = re.compile(rb"^Trace \d+: 0x[0-9a-f]+ \[[0-9a-f]+/([0-9a-f]+)/")
# An instruction that QEMU logged and then began anew: at the end of a time slice, before device
# I/O, or because it faults. A fault is a vector below 32 that is no INT instruction.
_NOT_EXECUTED = re.compile(
    rb"^Stopped execution of TB chain|^cpu_io_recompile: rewound| *\d+: v=[01][0-9a-f] .* i=0 "
)
_SENT = re.compile(rb"^serial_write write addr 0x00 val 0x([0-9a-f]+)")


class LoggingQemu(Qemu):
    """A QEMU whose guest, one with `VmSpec.count_instructions`, is counted and can be logged."""

    def start_log(self, path: Path) -> None:
        """Log to a file from here on. The guest must stand still or halt."""
        answers = {self._order(order) for order in _ONE_AT_A_TIME}
        if all("unknown command" in answer for answer in answers):
            raise WorkFailed(f"QEMU {self.version} cannot log single instructions.")
        self._order(f"logfile {path}")
        self._order(f"log {_LOGGED}")

    def executed(self) -> int:
        """Instructions so far, by QEMU's own count. The guest must stand still or halt."""
        return int(self.monitor.execute("query-replay")["icount"])

    def halt(self) -> None:
        """Stop the guest."""
        self.monitor.execute("stop")

    def _order(self, line: str) -> str:
        answer: Any = self.monitor.execute("human-monitor-command", **{"command-line": line})
        return str(answer)


class InstructionLog:
    """What a log tells, line by line. All counts are of instructions."""

    def __init__(self) -> None:
        self.executed = 0
        self.address = 0
        """The last one that was executed."""
        self.counts: Counter[int] = Counter()
        """By address."""

    def take(self, line: bytes) -> int | None:
        """Count a line; the byte that it says was written to the UART."""
        if match := _EXECUTED.match(line):
            self.address = int(match[1], 16)
            self.counts[self.address] += 1
            self.executed += 1
        elif _NOT_EXECUTED.match(line):
            self.counts[self.address] -= 1
            self.executed -= 1
        elif match := _SENT.match(line):
            return int(match[1], 16)
        return None


@dataclass
class Span:
    """What is executed between two marks."""

    executed: int = 0
    addresses: Counter[int] = field(default_factory=Counter)
    """Counts by address."""
    reached: list[int] = field(default_factory=list)
    """How many instructions came before each of the landmarks, which are met in their order."""


def spans(lines: Iterable[bytes], marks: bytes, landmarks: Sequence[int] = ()) -> list[Span]:
    """What lies between the bytes of `marks`, which the guest writes to the UART in this order.

    `landmarks`: addresses. WorkFailed if a mark is missing.
    """
    log = InstructionLog()
    found: list[Span] = []
    before, counts = 0, Counter[int]()
    for line in lines:
        address = log.address
        if log.take(line) == marks[len(found)]:
            if found:
                found[-1].executed = log.executed - before
                found[-1].addresses = log.counts - counts
            if len(found) == len(marks) - 1:
                return found
            before, counts = log.executed, log.counts.copy()
            found.append(Span())
        elif found and log.address != address:
            reached = found[-1].reached
            if len(reached) < len(landmarks) and landmarks[len(reached)] == log.address:
                reached.append(log.executed - 1 - before)
    raise WorkFailed(
        f"QEMU's log shows no {marks[len(found) :]!r} on the UART.", "Is this Debian's QEMU?"
    )
