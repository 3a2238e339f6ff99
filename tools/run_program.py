# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Runs a program of the host in a guest: its files, its input, its output, its exit status."""

import base64
import contextlib
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from tools.attach import END_OF_FILE, LEAVE, raw_terminal, say, show, show_error
from tools.deadline import Deadline
from tools.guest import Guest, PythonError
from tools.program import INTERRUPTED, UNCAUGHT_EXCEPTION, Kind, Program, Run

_FILE_CHUNK = 12 * 1024


def run_program(guest: Guest, loaded: Program, deadline: Deadline) -> int:
    guest.wait_for_prompt(deadline.limit(guest.timeout))
    try:
        for path, content in loaded.files.items():
            deadline.check(guest)
            put_file(guest, path, content)
    except PythonError as error:
        say(f"{path} cannot be put on the guest's disk:\n{error}")
        return UNCAUGHT_EXCEPTION
    the_run = Run(loaded)
    guest.repl.start(the_run.code, deadline.limit(guest.timeout))
    begun = re.compile(re.escape(the_run.begin) + b"|" + re.escape(END_OF_FILE))
    if guest.read_until(begun, deadline.limit(guest.timeout)).endswith(END_OF_FILE):
        # Not even the runner could be compiled: too little memory for the source.
        show_error(guest.repl.finish(guest.timeout).replace(b"\r\n", b"\n"))
        return UNCAUGHT_EXCEPTION
    try:
        return _follow_program(guest, the_run, deadline)
    finally:
        for kind, piece in the_run.flush():
            _show_piece(kind, piece)


def _follow_program(guest: Guest, the_run: Run, deadline: Deadline) -> int:
    """Pass on output and input until the program ends."""
    told_end = False
    with raw_terminal(keep_newlines=True) as keyboard, _counted_interrupts() as interrupts:
        while the_run.status is None:
            keyboard.wait(guest)
            deadline.check(guest)
            for kind, piece in the_run.feed(guest.receive(0)):
                _show_piece(kind, piece)
            for _ in interrupts():
                guest.interrupt()
            typed = keyboard.read()
            if keyboard.is_terminal and LEAVE in typed:
                return INTERRUPTED
            if typed:
                guest.write(typed)
            if keyboard.at_end and not told_end:
                told_end = True
                guest.write(END_OF_FILE)
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


def put_file(guest: Guest, path: str, content: bytes) -> None:
    """Make a file, and its directories, on the guest's disk. PythonError if that fails."""
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
    guest.output_of("file.close()\ndel file\n")
