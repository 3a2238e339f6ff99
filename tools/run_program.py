# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Runs a program of the host in a guest: its files, its input, its output, its exit status."""

import base64
import contextlib
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from tools.attach import (
    END_OF_FILE,
    LEAVE,
    LEAVE_NAME,
    raw_terminal,
    say,
    show,
    show_error,
)
from tools.errors import UserError
from tools.guest import PROMPT, Guest, PythonError
from tools.program import INTERRUPTED, UNCAUGHT_EXCEPTION, Kind, Program, Run
from tools.raw_repl import INTERRUPT
from tools.terminal import Progress, progress

_FILE_CHUNK = 12 * 1024
# Seconds of silence after which the guest may have fallen back to its REPL.
_FALL_BACK_AFTER = 2.0


def run_application(guest: Guest, the_run: Run) -> int:
    """Follow the application that the guest has been booted with; gives its exit status."""
    guest.sign = the_run.begin
    begun = re.compile(re.escape(the_run.begin) + b"|" + re.escape(PROMPT))
    if guest.read_until(begun).endswith(PROMPT):
        raise UserError("The guest has no application: it stands at its prompt.")
    return _follow(guest, the_run)


def run_program(guest: Guest, loaded: Program) -> int:
    """Run it to its end; gives its exit status."""
    guest.wait_for_prompt()
    with progress(f"Sending {loaded.name}") as line:
        sent = _Sent(line)
        try:
            for path, content in loaded.files.items():
                put_file(guest, path, content, sent.add)
        except PythonError as error:
            say(f"{path} cannot be put on the guest's disk:\n{error}")
            return UNCAUGHT_EXCEPTION
        the_run = Run(loaded)
        guest.repl.start(the_run.code, guest.timeout, sent.show)
    begun = re.compile(re.escape(the_run.begin) + b"|" + re.escape(END_OF_FILE))
    if guest.read_until(begun).endswith(END_OF_FILE):
        # Not even the runner could be compiled: too little memory for the source.
        show_error(guest.repl.finish(guest.timeout).replace(b"\r\n", b"\n"))
        return UNCAUGHT_EXCEPTION
    return _follow(guest, the_run)


def _follow(guest: Guest, the_run: Run) -> int:
    """Pass on output and input until the program ends; then, or before an error, all output."""
    try:
        return _follow_program(guest, the_run)
    finally:
        for kind, piece in the_run.flush():
            _show_piece(kind, piece)


class _Sent:
    """Says on a progress line how much has been sent."""

    def __init__(self, line: Progress) -> None:
        self._line = line
        self._total = 0

    def add(self, size: int) -> None:
        self._total += size
        self.show(0)

    def show(self, more: int) -> None:
        self._line.detail(f"{(self._total + more) / 1024:.0f} KiB")


def _follow_program(guest: Guest, the_run: Run) -> int:
    """Pass on output and input until the program ends."""
    told_end = told_leaving = False
    last_output = time.monotonic()
    with raw_terminal(keep_newlines=True) as keyboard, _counted_interrupts() as interrupts:
        while the_run.status is None:
            keyboard.wait(guest)
            if data := guest.receive(0):
                last_output = time.monotonic()
                pieces = the_run.feed(data)
            elif time.monotonic() - last_output > _FALL_BACK_AFTER * guest.vmm.slowness:
                pieces = the_run.fell_back()
            else:
                pieces = iter(())
            for kind, piece in pieces:
                _show_piece(kind, piece)
            guest.forget()
            for _ in interrupts():
                keyboard.pending = INTERRUPT + keyboard.pending
            typed = keyboard.read()
            if keyboard.is_terminal and LEAVE in typed:
                return INTERRUPTED
            if keyboard.is_terminal and INTERRUPT in typed and not told_leaving:
                told_leaving = True
                say(f"{LEAVE_NAME} leaves.")
            if keyboard.at_end and not told_end:
                told_end = True
                keyboard.pending += END_OF_FILE
            keyboard.send(guest)
    return the_run.status


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
        if count > 2:
            raise KeyboardInterrupt

    def new_ones() -> Iterator[None]:
        nonlocal passed_on
        while passed_on < count:
            passed_on += 1
            yield

    before = signal.signal(signal.SIGINT, note)
    try:
        yield new_ones
    finally:
        signal.signal(signal.SIGINT, before)


def put_file(
    guest: Guest, path: str, content: bytes, sent: Callable[[int], None] = lambda _: None
) -> None:
    """Make a file, and its directories, on the guest's disk. PythonError if that fails.

    `sent` is told the size of each piece of it, once the guest has it.
    """
    parents = [str(parent) for parent in reversed(Path(path).parents)][1:]
    guest.output_of(
        "import os, binascii\n"
        f"for directory in {parents!r}:\n"
        "    try:\n"
        "        os.mkdir(directory)\n"
        "    except OSError as error:\n"
        "        if error.errno != 17:\n"  # EEXIST
        "            raise\n"
        f"file = open({path!r}, 'wb')\n"
    )
    for offset in range(0, len(content), _FILE_CHUNK):
        chunk = base64.b64encode(content[offset : offset + _FILE_CHUNK])
        guest.output_of(f"_ = file.write(binascii.a2b_base64({chunk!r}))\n")
        sent(min(_FILE_CHUNK, len(content) - offset))
    guest.output_of("file.close()\ndel file\n")
