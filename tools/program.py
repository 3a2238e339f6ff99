# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""A program's run, as the guest's console tells it: its output, and how it ended.

The firmware reports begin and end after a mark that the program cannot know: a random number made
for this run (ports/cloud_hypervisor/application.c).
"""

import re
import secrets
from collections.abc import Iterator
from enum import Enum

_STATUS = re.compile(rb"x(\d{3})")
_MOST = 255

INTERRUPTED = 130
"""As a shell says of a program that SIGINT ended."""


class Kind(Enum):
    """What a piece of a run's output is."""

    OUTPUT = "the program's own"
    TRACEBACK = "why it ended badly"


class Run:
    """One run of an application; `settings` belong on the command line of its guest."""

    def __init__(self) -> None:
        self._secret = f"{secrets.token_hex(16)}:"
        self._mark = f"\x01{self._secret}".encode()
        self._held = b""
        self._kind = Kind.OUTPUT
        self.status: int | None = None
        """The exit status, 0 to 255, once the program has ended."""

    @property
    def begin(self) -> bytes:
        """What the guest says right before the program's first byte."""
        return self._mark + b"b\r\n"

    @property
    def settings(self) -> str:
        """They have the firmware tell of the end, and leave the program's bytes as they are."""
        return f"exit-mark={self._secret} console=pipe"

    def feed(self, data: bytes) -> Iterator[tuple[Kind, bytes]]:
        """Take what came after `begin`; gives what is to be shown, as the program wrote it.

        Bytes that could be the beginning of a mark are held back until more is known.
        """
        self._held += data
        while self.status is None and (found := self._held.find(self._mark)) >= 0:
            event, newline, rest = self._held[found + len(self._mark) :].partition(b"\r\n")
            if not newline:
                break
            yield from self._shown(self._held[:found])
            self._held = rest
            if event == b"e":
                self._kind = Kind.TRACEBACK
            elif (status := _STATUS.fullmatch(event)) and int(status[1]) <= _MOST:
                self.status = int(status[1])
        if self.status is None:
            end = self._end_of_sure()
            shown, self._held = self._held[:end], self._held[end:]
            yield from self._shown(shown)

    def flush(self) -> Iterator[tuple[Kind, bytes]]:
        """What was held back of a program that was stopped."""
        if self.status is None:
            held, self._held = self._held, b""
            yield from self._shown(held)

    def _shown(self, data: bytes) -> Iterator[tuple[Kind, bytes]]:
        if data:
            yield self._kind, data

    def _end_of_sure(self) -> int:
        """How much of what is held cannot be part of a mark."""
        begin = self._held.find(self._mark)
        if begin >= 0:
            return begin
        begin = self._held.rfind(self._mark[:1])
        if begin >= 0 and self._mark.startswith(self._held[begin:]):
            return begin
        return len(self._held)
