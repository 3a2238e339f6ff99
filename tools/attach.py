# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The user's terminal at a guest's serial line.

Keys go to the guest one by one, Ctrl-C too; Ctrl-] leaves. Whatever happens, the terminal gets its
settings back. Where standard input is no terminal its bytes are passed on, with the newlines that a
terminal would send.
"""

import os
import select
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from tools.guest import Guest

LEAVE = b"\x1d"
LEAVE_NAME = "Ctrl-]"
END_OF_FILE = b"\x04"

_POLL_INTERVAL = 0.1
_LFLAG, _IFLAG, _OFLAG, _CC = 3, 0, 1, 6


class Keyboard:
    """Standard input, byte by byte and without waiting."""

    def __init__(self) -> None:
        self.is_terminal = _is_our_terminal()
        self.at_end = False

    def fileno(self) -> int:
        return sys.stdin.fileno()

    def read(self) -> bytes:
        """What was typed; b"" if nothing was, and at the end (`at_end`)."""
        if self.at_end or not select.select([self], [], [], 0)[0]:
            return b""
        data = os.read(self.fileno(), 4096)
        self.at_end = not data
        if not self.is_terminal:
            data = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r")
        return data

    def wait(self, guest: Guest) -> None:
        """Wait a moment, less if something is typed or the guest sends something."""
        sources: list[Keyboard | Guest] = [guest] if self.at_end else [self, guest]
        select.select(sources, [], [], _POLL_INTERVAL)


def _is_our_terminal() -> bool:
    """Whether standard input is a terminal that we may change: not one of a background job."""
    if not sys.stdin.isatty():
        return False
    return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()


@contextmanager
def raw_terminal(keep_newlines: bool) -> Iterator[Keyboard]:
    """Every key is a byte, nothing is echoed. `keep_newlines`: LF still starts a new line."""
    keyboard = Keyboard()
    if not keyboard.is_terminal:
        yield keyboard
        return
    before = termios.tcgetattr(keyboard)
    now = termios.tcgetattr(keyboard)
    now[_LFLAG] &= ~(termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN)
    now[_IFLAG] &= ~(termios.ICRNL | termios.IXON | termios.ISTRIP | termios.INLCR | termios.IGNCR)
    if not keep_newlines:
        now[_OFLAG] &= ~termios.OPOST
    now[_CC][termios.VMIN], now[_CC][termios.VTIME] = 1, 0
    try:
        termios.tcsetattr(keyboard, termios.TCSADRAIN, now)
        yield keyboard
    finally:
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)


@contextmanager
def orderly_signals() -> Iterator[None]:
    """Make SIGTERM and SIGHUP end the program by SystemExit, so that everything is cleaned up."""

    def leave(number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def show(data: bytes) -> None:
    """Write bytes to standard output now."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def show_error(data: bytes) -> None:
    """Write bytes to standard error now."""
    sys.stderr.buffer.write(data)
    sys.stderr.buffer.flush()


def say(text: str) -> None:
    """A line of our own, on standard error."""
    print(text, file=sys.stderr, flush=True)
