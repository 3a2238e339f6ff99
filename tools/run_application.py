# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Stands between a guest's application and our standard streams until it ends."""

import contextlib
import re
import signal
from collections.abc import Callable, Iterator
from types import FrameType

from .attach import LEAVE, Keyboard, keyboard_in_use, say, show, show_error
from .errors import UserError
from .guest import PROMPT, Guest
from .program import INTERRUPTED, Kind, Run
from .timings import timings

INTERRUPT = b"\x03"
END_OF_INPUT = b"\x04"
QUOTE = b"\x16"
"""What the setting console=pipe makes of these: ports/cloud_hypervisor/stdio_port.h."""

_SPECIAL = re.compile(rb"[\x03\x04\x16]")
_LEFT_ALONE = re.compile(rb"The application is left alone: [^\r\n]*")
"""So begins what the firmware says of a broken one: ports/cloud_hypervisor/main.c."""
_INTERRUPTS_PASSED_ON = 2


def quoted(data: bytes, special: re.Pattern[bytes] = _SPECIAL) -> bytes:
    """What the guest has to receive for the program to read `data`."""
    return special.sub(lambda found: QUOTE + found[0], data)


def run_application(guest: Guest, the_run: Run, *, raw: bool) -> int:
    """Follow the application that the guest has been booted with; gives its exit status.

    `raw`: a terminal is put into raw mode; then every key is a byte of the program's input.
    """
    guest.sign = the_run.begin
    begun = re.compile(re.escape(the_run.begin) + b"|" + re.escape(PROMPT))
    with timings.step("boot the guest"):
        said = guest.read_until(begun)
    if said.endswith(PROMPT):
        problem = _LEFT_ALONE.search(said)
        why = problem[0].decode(errors="replace") if problem else "The guest has no application."
        raise UserError(why, "It stands at its prompt.")
    # Of a disk that it leaves alone, for one.
    show_error(said.removesuffix(the_run.begin).replace(b"\r\n", b"\n"))
    try:
        return _follow(guest, the_run, raw)
    finally:
        for kind, piece in the_run.flush():
            _show_piece(kind, piece)


def _follow(guest: Guest, the_run: Run, raw: bool) -> int:
    """Pass on output and input until the program ends."""
    told_end = False
    first_output = timings.start("wait for the program's first output")
    with keyboard_in_use(raw=raw) as keyboard, _counted_interrupts() as interrupts:
        line = _Input(keyboard, guest, keys_interrupt=raw and keyboard.is_terminal)
        while the_run.status is None:
            keyboard.wait(guest)
            for kind, piece in the_run.feed(guest.receive(0)):
                first_output()
                _show_piece(kind, piece)
            guest.forget()
            for _ in interrupts():
                line.interrupt()
            typed = keyboard.read()
            if raw and keyboard.is_terminal and LEAVE in typed:
                return INTERRUPTED
            line.add(typed)
            if keyboard.at_end and not told_end:
                told_end = True
                line.end()
            line.send()
    return the_run.status


class _Input:
    """The program's input on its way to the guest, where three bytes have a meaning."""

    def __init__(self, keyboard: Keyboard, guest: Guest, *, keys_interrupt: bool) -> None:
        self._keyboard = keyboard
        self._guest = guest
        self._special = re.compile(rb"[\x04\x16]") if keys_interrupt else _SPECIAL
        self._quoted = False
        """Whether the last byte that was sent quotes the next one."""

    def add(self, data: bytes) -> None:
        """What the program is to read."""
        self._keyboard.pending += quoted(data, self._special)

    def end(self) -> None:
        self._keyboard.pending += END_OF_INPUT

    def interrupt(self) -> None:
        """Before all that waits, but not between a quote and what it quotes."""
        pending = self._keyboard.pending
        at = 1 if self._quoted else 0
        self._keyboard.pending = pending[:at] + INTERRUPT + pending[at:]

    def send(self) -> None:
        pending = self._keyboard.pending
        for byte in pending[: self._keyboard.send(self._guest)]:
            self._quoted = byte == QUOTE[0] and not self._quoted


def _show_piece(kind: Kind, piece: bytes) -> None:
    if kind is Kind.OUTPUT:
        show(piece)
    else:
        show_error(piece)


@contextlib.contextmanager
def _counted_interrupts() -> Iterator[Callable[[], Iterator[None]]]:
    """Turn Ctrl-C (SIGINT) into something to pass on; the third one is meant for us."""
    count = 0
    passed_on = 0

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        if count > _INTERRUPTS_PASSED_ON:
            raise KeyboardInterrupt

    def new_ones() -> Iterator[None]:
        nonlocal passed_on
        while passed_on < count:
            passed_on += 1
            if passed_on == _INTERRUPTS_PASSED_ON:
                say("Ctrl-C once more stops the guest.")
            yield

    before = signal.signal(signal.SIGINT, note)
    try:
        yield new_ones
    finally:
        signal.signal(signal.SIGINT, before)
