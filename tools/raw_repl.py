# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""MicroPython's raw REPL: how a program sends code to a board and gets its output.

The protocol is upstream's (docs/reference/repl.rst): Ctrl-A enters, Ctrl-B leaves, Ctrl-D ends the
code; output and traceback come back, each ended by Ctrl-D. Raw-paste mode compiles while it
receives, and grants the sender a window of bytes at a time, so that no buffer overruns.
"""

from collections.abc import Callable
from typing import Protocol

INTERRUPT = b"\x03"
_ENTER = b"\x01"
_LEAVE = b"\x02"
_END = b"\x04"
_RAW_PASTE = b"\x05A\x01"
_GRANT = b"\x01"

_BANNER = b"raw REPL; CTRL-B to exit\r\n>"
_PLAIN_CHUNK = 256


class RawReplError(Exception):
    """The guest does not speak the raw REPL protocol as it should."""


class Line(Protocol):
    """What this module needs of a serial line. Both raise when the guest is gone or too slow."""

    def read_exactly(self, count: int, timeout: float) -> bytes: ...

    def read_until(self, pattern: bytes, timeout: float) -> bytes: ...

    def write(self, data: bytes) -> None: ...


class RawRepl:
    """The raw REPL at the other end of `line`. All timeouts are in seconds, for each answer."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self.entered = False

    def enter(self, timeout: float) -> None:
        """Interrupt what runs and enter the raw REPL. Does nothing inside it."""
        if not self.entered:
            self._line.write(b"\r" + INTERRUPT + _ENTER)
            self._line.read_until(_BANNER, timeout)
            self.entered = True

    def leave(self, timeout: float) -> None:
        """Back to the friendly prompt, `>>> `."""
        if self.entered:
            self._line.write(_LEAVE)
            self._line.read_until(b">>> ", timeout)
            self.entered = False

    def execute(self, code: bytes, timeout: float) -> tuple[bytes, bytes]:
        """Run `code`; give its output and its traceback (empty if it ended well), byte for byte.

        A program that itself prints the byte 0x04 ends its output early: see `start`.
        """
        self.start(code, timeout)
        output = self._line.read_until(_END, timeout)
        return output[:-1], self.finish(timeout)

    def start(
        self, code: bytes, timeout: float, sent: Callable[[int], None] = lambda _: None
    ) -> None:
        """Send `code` and start it; its output is the next thing on the line.

        `sent` is told how many bytes have been sent, again and again.
        The caller reads the output and the byte 0x04 that ends it, then calls `finish`.
        """
        if INTERRUPT in code or _END in code:
            raise ValueError("code for the raw REPL cannot hold the bytes 0x03 and 0x04")
        self.enter(timeout)
        self._line.write(_RAW_PASTE)
        answer = self._line.read_exactly(2, timeout)
        if answer == b"R\x01":
            self._send_in_windows(code, timeout, sent)
        elif answer == b"R\x00":
            self._send_plainly(code, timeout, sent)
        else:
            raise RawReplError(f"raw-paste mode was answered by {answer!r}")

    def finish(self, timeout: float) -> bytes:
        """Read the traceback, and the prompt that follows; gives the traceback."""
        traceback = self._line.read_until(_END, timeout)[:-1]
        prompt = self._line.read_exactly(1, timeout)
        if prompt != b">":
            raise RawReplError(f"after a program came {prompt!r} instead of the raw prompt")
        return traceback

    def _send_in_windows(self, code: bytes, timeout: float, tell: Callable[[int], None]) -> None:
        window = int.from_bytes(self._line.read_exactly(2, timeout), "little")
        if window == 0:
            raise RawReplError("the guest grants a window of 0 bytes")
        granted = window
        sent = 0
        while sent < len(code):
            if granted == 0:
                answer = self._line.read_exactly(1, timeout)
                if answer == _END:
                    # The compiler has given up: it wants no more, and says why afterwards.
                    self._line.write(_END)
                    return
                if answer != _GRANT:
                    raise RawReplError(f"flow control sent {answer!r}")
                granted = window
            chunk = code[sent : sent + granted]
            self._line.write(chunk)
            sent += len(chunk)
            granted -= len(chunk)
            tell(sent)
        self._line.write(_END)
        # Grants that were on their way may come before the acknowledgement.
        while (answer := self._line.read_exactly(1, timeout)) == _GRANT:
            pass
        if answer != _END:
            raise RawReplError(f"the end of the code was answered by {answer!r}")

    def _send_plainly(self, code: bytes, timeout: float, tell: Callable[[int], None]) -> None:
        for offset in range(0, len(code), _PLAIN_CHUNK):
            chunk = code[offset : offset + _PLAIN_CHUNK]
            self._line.write(chunk)
            tell(offset + len(chunk))
        self._line.write(_END)
        answer = self._line.read_exactly(2, timeout)
        if answer != b"OK":
            raise RawReplError(f"the code was answered by {answer!r} instead of OK")
