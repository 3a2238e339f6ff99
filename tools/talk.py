# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The user at the guest's prompt: a terminal, or what is piped into standard input."""

import math
import re
import time

from .attach import LEAVE, LEAVE_NAME, Keyboard, keyboard_in_use, say, show
from .guest import Guest, GuestEnded
from .raw_repl import INTERRUPT
from .vmm.base import Ending

# A guest that resets itself in each of so many seconds, without a prompt, does nothing else. QEMU's
# firmware makes a dozen resets of one, in some milliseconds.
_SECONDS_OF_RESETS = 3
# A friendly prompt has no flow control: what is pasted or piped goes in this size, this often.
_TYPED_CHUNK = 1024
_TYPED_INTERVAL = 0.05
# Seconds of silence at the prompt after which piped input is taken for done.
_DONE_AFTER = 0.5

_PROMPT = re.compile(rb"(?:^|[\r\n])>>> \Z")
# The prompt for more of a block, with its indentation, and the one of paste mode.
_MORE = re.compile(rb"(?:^|[\r\n])(?:\.\.\. *|=== )\Z")
_LONGEST_PROMPT = 256


def talk(guest: Guest) -> int:
    """Connect the terminal (or what is piped in) with the guest, until one of them leaves."""
    heard = b""
    prompted = False
    next_sending = 0.0
    last_activity = time.monotonic()
    resets = _ResetWatch()
    with keyboard_in_use(raw=True) as keyboard:
        end = _EndOfInput(keyboard)
        if keyboard.is_terminal:
            say(f"{LEAVE_NAME} leaves.\r")
        while True:
            keyboard.wait(guest, next_sending if prompted else math.inf)
            now = time.monotonic()
            if data := guest.receive(0):
                show(data)
                heard = (heard + data)[-_LONGEST_PROMPT:]
                prompted = prompted or guest.came_up
                guest.forget()
                last_activity = now
            resets.check(guest, _PROMPT.search(heard) is not None)
            typed = keyboard.read()
            if not keyboard.is_terminal:  # With the newlines that a terminal would send.
                typed = typed.replace(b"\r\n", b"\n").replace(b"\n", b"\r")
            keyboard.pending += typed
            if keyboard.is_terminal and LEAVE in typed:
                show(b"\r\n")
                return 0
            end.note(typed)
            if prompted and now >= next_sending and keyboard.send(guest, _TYPED_CHUNK):
                last_activity = now
                more = bool(keyboard.pending)
                next_sending = now + (_TYPED_INTERVAL * guest.vmm.slowness if more else 0)
            if prompted and now - last_activity > _DONE_AFTER * guest.vmm.slowness:
                if end.is_done(heard):
                    show(b"\n")
                    return 0
                last_activity = now


class _EndOfInput:
    """Brings what was piped in to its end: a line without its newline, a block without its end."""

    _NEWLINES = 3
    """A deeply indented block ends at the second one; an open bracket or string never does."""

    def __init__(self, keyboard: Keyboard) -> None:
        self._keyboard = keyboard
        self._last = b"\r"
        self._tried = 0

    def note(self, typed: bytes) -> None:
        """Take what was read last."""
        self._last = typed[-1:] or self._last
        if self._keyboard.at_end and self._last != b"\r":
            self._keyboard.pending += b"\r"
            self._last = b"\r"

    def is_done(self, heard: bytes) -> bool:
        """To be asked in silence: whether nothing more will come; else sends what may help."""
        if not self._keyboard.at_end or self._keyboard.pending:
            return False
        if _MORE.search(heard):
            self._keyboard.pending = b"\r" if self._tried < self._NEWLINES else INTERRUPT
            self._tried += 1
        return _PROMPT.search(heard) is not None


class _ResetWatch:
    """Tells a guest that resets now and then, on purpose, from one that does nothing else."""

    def __init__(self) -> None:
        self._reboots = 0
        self._next_look = 0.0
        self._seconds = 0

    def check(self, guest: Guest, prompt: bool) -> None:
        """GuestEnded if it does nothing else."""
        now = time.monotonic()
        if prompt:
            self._seconds = 0
        elif now >= self._next_look:
            self._seconds = self._seconds + 1 if guest.vmm.reboots > self._reboots else 0
        else:
            return
        self._reboots = guest.vmm.reboots
        self._next_look = now + guest.vmm.slowness
        if self._seconds == _SECONDS_OF_RESETS:
            raise GuestEnded(Ending.RESET, "The guest resets itself for ever.", guest.output)
