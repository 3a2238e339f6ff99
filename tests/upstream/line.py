# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""A guest's serial line with a memory: what has come and was not asked for yet."""

import time
from types import TracebackType
from typing import Self

from tools.serial_line import SerialLine

PROMPT = b">>> "
SOFT_REBOOT = b"MPY: soft reboot\r\n"
TIMEOUT = 30.0
_SLICE = 0.5


class Line:
    """An open serial line, as tools.raw_repl wants it. Errors as SerialLine; TimeoutError."""

    def __init__(self, url: str) -> None:
        self.port = SerialLine(url)
        self._unread = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.port.close()

    def write(self, data: bytes) -> None:
        self.port.write(data, TIMEOUT)

    def read_until(self, pattern: bytes, timeout: float = TIMEOUT) -> bytes:
        deadline = time.monotonic() + timeout
        while pattern not in self._unread:
            self._receive(deadline, f"{pattern!r}")
        return self._take(self._unread.index(pattern) + len(pattern))

    def read_exactly(self, count: int, timeout: float = TIMEOUT) -> bytes:
        deadline = time.monotonic() + timeout
        while len(self._unread) < count:
            self._receive(deadline, f"{count} bytes")
        return self._take(count)

    def _receive(self, deadline: float, awaited: str) -> None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"The guest did not send {awaited}, only {self._unread!r}.")
        self._unread += self.port.read(_SLICE)

    def _take(self, count: int) -> bytes:
        data, self._unread = self._unread[:count], self._unread[count:]
        return data
