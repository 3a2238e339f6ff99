# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""As much of gdb's remote protocol as it takes to let a guest run up to an address.

The protocol is gdb's manual, appendix "Remote Serial Protocol": packets `$DATA#CHECKSUM`, each
acknowledged by `+`.
"""

import socket
import time
from types import TracebackType
from typing import Self

from ..errors import WorkFailed

_TIMEOUT = 60.0
_CONNECT_INTERVAL = 0.02


class GdbStub:
    """A connection to QEMU's gdb stub. The guest stands still from the start, until `detach`."""

    def __init__(self, port: int) -> None:
        """Connect to `port` of the loopback interface; WorkFailed if nobody listens there."""
        self._received = b""
        deadline = time.monotonic() + _TIMEOUT
        while True:
            try:
                self._socket = socket.create_connection(("127.0.0.1", port), _TIMEOUT)
                return
            except ConnectionRefusedError:
                if time.monotonic() > deadline:
                    raise WorkFailed(f"QEMU's gdb stub does not listen on port {port}.") from None
                time.sleep(_CONNECT_INTERVAL)

    def run_to(self, address: int) -> None:
        """Let the guest run until it is about to execute the instruction at `address`."""
        # Hardware breakpoints (kind 1): the guest's memory stays as it is.
        self._command(f"Z1,{address:x},1", "OK")
        self._command("c", "T05")
        self._command(f"z1,{address:x},1", "OK")

    def detach(self) -> None:
        """Leave the guest alone; it runs on."""
        self._command("D", "OK")
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def _command(self, command: str, expected: str) -> None:
        data = command.encode()
        self._socket.sendall(b"$%s#%02x" % (data, sum(data) & 0xFF))
        answer = self._answer(command)
        if not answer.startswith(expected):
            raise WorkFailed(f"QEMU's gdb stub answered {answer!r} to {command!r}.")

    def _answer(self, command: str) -> str:
        while (end := self._received.find(b"#")) < 0 or len(self._received) < end + 3:
            try:
                data = self._socket.recv(4096)
            except TimeoutError:
                data = b""
            if not data:
                raise WorkFailed(f"QEMU's gdb stub does not answer to {command!r}.")
            self._received += data
        packet = self._received[self._received.find(b"$") + 1 : end]
        self._received = self._received[end + 3 :]
        self._socket.sendall(b"+")
        return packet.decode()
