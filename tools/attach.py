# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The user's terminal at a guest's serial line.

In raw mode keys go to the guest one by one, Ctrl-C too; Ctrl-] leaves. Whatever happens, the
terminal gets its settings back.
"""

import contextlib
import errno
import os
import select
import signal
import sys
import termios
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any, TextIO

from .guest import Guest

LEAVE = b"\x1d"
LEAVE_NAME = "Ctrl-]"

_POLL_INTERVAL = 0.1
_LFLAG, _IFLAG, _OFLAG, _CC = 3, 0, 1, 6


class Keyboard:
    """Standard input, byte by byte and without waiting.

    A terminal is made raw, and read, only while we are in its foreground: to a background job
    both are forbidden (SIGTTOU, SIGTTIN), and it may come to the foreground at any time.
    """

    def __init__(self, raw: bool) -> None:
        self.is_terminal = sys.stdin.isatty()
        self.at_end = False
        self.pending = b""
        """What was typed and not sent yet."""
        self._raw_wanted = raw
        self._before: list[Any] | None = None
        self._raw = False

    def fileno(self) -> int:
        return sys.stdin.fileno()

    def read(self) -> bytes:
        """What was typed, b"" if nothing was.

        Of what is piped nothing more is read while something is `pending`.
        """
        if not self._wants_more or not select.select([self], [], [], 0)[0]:
            return b""
        try:
            data = os.read(self.fileno(), 4096)
        except OSError:
            if not self.is_terminal:
                raise
            raise SystemExit(128 + signal.SIGHUP) from None
        if self._raw and not data:
            raise SystemExit(128 + signal.SIGHUP)
        self.at_end = not data
        return data

    def send(self, guest: Guest, most: int = 65536) -> int:
        """Send of `pending` what the guest takes now; gives how many bytes."""
        sent = guest.write_some(self.pending[:most]) if self.pending else 0
        self.pending = self.pending[sent:]
        return sent

    def wait(self, guest: Guest, not_before: float = 0.0) -> None:
        """Wait a moment, less if something is typed, or the guest sends or takes something.

        `not_before` is the monotonic time when `send` will be called, at the earliest.
        """
        self._follow_foreground()
        left = not_before - time.monotonic() if self.pending else 0.0
        sources: list[Keyboard | Guest] = [guest, self] if self._wants_more else [guest]
        takers = [guest] if self.pending and left <= 0 else []
        select.select(
            sources, takers, [], min(left, _POLL_INTERVAL) if left > 0 else _POLL_INTERVAL
        )

    @property
    def _wants_more(self) -> bool:
        if self.is_terminal and not _is_foreground():
            return False
        if self.is_terminal and self._raw_wanted:
            return self._raw
        return not self.at_end and not self.pending

    def _follow_foreground(self) -> None:
        if not self.is_terminal or not self._raw_wanted:
            return
        if not _is_foreground():
            self._raw = False
        elif not self._raw:
            self._raw = True
            with contextlib.suppress(termios.error):
                self._make_raw()

    def _make_raw(self) -> None:
        now = termios.tcgetattr(self)
        # Later on they may be our own: a shell may give a job back what it had set.
        self._before = self._before or termios.tcgetattr(self)
        now[_LFLAG] &= ~(termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN)
        now[_IFLAG] &= ~(
            termios.ICRNL | termios.IXON | termios.ISTRIP | termios.INLCR | termios.IGNCR
        )
        now[_OFLAG] &= ~termios.OPOST
        now[_CC][termios.VMIN], now[_CC][termios.VTIME] = 1, 0
        termios.tcsetattr(self, termios.TCSADRAIN, now)

    def was_stopped(self, number: int, frame: FrameType | None) -> None:
        """For SIGCONT: meanwhile the shell has set the terminal to its liking."""
        self._raw = False

    def restore(self) -> None:
        """Give the terminal its settings back, if it is still there and ours."""
        if self._before is not None and _is_foreground():
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self, termios.TCSADRAIN, self._before)


def _is_foreground() -> bool:
    """Whether we may change and read the terminal on standard input."""
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except OSError:
        # Not the terminal that controls us: then nobody else decides who reads it.
        return True


@contextlib.contextmanager
def keyboard_in_use(*, raw: bool) -> Iterator[Keyboard]:
    """Standard input while the body runs. `raw`: at a terminal every key is a byte, nothing is
    echoed, and a newline only goes down; else the terminal gives lines, and Ctrl-C is SIGINT."""
    keyboard = Keyboard(raw)
    before = signal.signal(signal.SIGCONT, keyboard.was_stopped)
    try:
        yield keyboard
    finally:
        keyboard.restore()
        signal.signal(signal.SIGCONT, before)


def show(data: bytes) -> None:
    """Write bytes to standard output now. OSError if that fails."""
    _write_all(sys.stdout, data, "standard output")


def show_error(data: bytes) -> None:
    """Write bytes to standard error now. OSError if that fails."""
    _write_all(sys.stderr, data, "standard error")


def _write_all(stream: TextIO, data: bytes, name: str) -> None:
    # Not through the stream's buffer: what it cannot get rid of it tries again at our exit.
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(stream.fileno(), rest) :]
    except OSError as error:
        if error.errno == errno.EIO and stream.isatty():
            raise SystemExit(128 + signal.SIGHUP) from None
        raise OSError(error.errno, error.strerror, name) from None


def say(text: str) -> None:
    """A line of our own, on standard error."""
    print(text, file=sys.stderr, flush=True)
