# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""One QEMU machine for the comparison with Linux: the same for our firmware and for Linux.

The back end of tools/vmm boots PVH files only, as it should; Debian's kernel is a bzImage. Here
only the kernel, its initramfs and its command line differ between the two, by construction.
"""

import select
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from ..crash import CRASH_END
from ..errors import WorkFailed
from ..vmm import qemu
from ..vmm.process import ChildProcess

CPU = "EPYC,-cx16"
"""QEMU 7.2's CMPXCHG16B sometimes corrupts RFLAGS, which crashes Linux now and then."""
MEMORY = "512M"

_POLL = 0.1
_TAIL = 2000


class Emulator:
    """A running machine and its serial line, as tools.raw_repl.Line describes one.

    Use it as a context manager: leaving it ends QEMU. All timeouts are in seconds.
    """

    def __init__(
        self, kernel: Path, cmdline: str, initramfs: Path | None, count_instructions: bool
    ) -> None:
        """With `count_instructions` an instruction takes one nanosecond of the guest's time."""
        self.transcript = bytearray()
        """All the guest has sent."""
        self._unread = 0
        self._line, theirs = socket.socketpair()
        with theirs:
            command = [qemu.PROGRAM, "-machine", "q35,accel=tcg", "-cpu", CPU, "-smp", "1"]
            command += ["-m", MEMORY, "-nodefaults", "-no-user-config", "-display", "none"]
            command += ["-no-reboot", "-chardev", f"socket,id=line,fd={theirs.fileno()}"]
            command += ["-serial", "chardev:line", "-kernel", str(kernel), "-append", cmdline]
            command += ["-initrd", str(initramfs)] if initramfs is not None else []
            command += ["-icount", "shift=0"] if count_instructions else []
            self.command = command
            """How QEMU was started, for the report."""
            self._process = ChildProcess(command, pass_fds=(theirs.fileno(),))

    def write(self, data: bytes) -> None:
        """Send bytes as typed at a terminal."""
        self._line.sendall(data)

    def read_until(self, pattern: bytes, timeout: float) -> bytes:
        """Everything up to the end of the next `pattern`; WorkFailed if it does not come."""
        deadline = time.monotonic() + timeout
        while (found := self.transcript.find(pattern, self._unread)) < 0:
            self._receive(deadline, pattern)
        return self._take(found + len(pattern))

    def read_exactly(self, count: int, timeout: float) -> bytes:
        """The next `count` bytes; WorkFailed if they do not come."""
        deadline = time.monotonic() + timeout
        while len(self.transcript) < self._unread + count:
            self._receive(deadline, b"")
        return self._take(self._unread + count)

    def stop(self) -> None:
        """End QEMU. May be called twice."""
        self._process.kill()
        self._line.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _take(self, end: int) -> bytes:
        data = bytes(self.transcript[self._unread : end])
        self._unread = end
        return data

    def _receive(self, deadline: float, wanted: bytes) -> None:
        if time.monotonic() > deadline:
            raise WorkFailed(f"The guest did not send {wanted!r} in time.{self._tail()}")
        if select.select([self._line], [], [], _POLL)[0]:
            data = self._line.recv(65536)
            if not data:
                raise WorkFailed(f"QEMU has ended.{self._tail()}")
            self.transcript += data
            if CRASH_END in self.transcript[-len(data) - len(CRASH_END) :]:
                raise WorkFailed(f"The guest crashed.{self._tail()}")

    def _tail(self) -> str:
        said = self.transcript[-_TAIL:].decode(errors="replace")
        return f"\nQEMU: {self._process.output.strip()}\nThe guest's last words:\n{said}"
