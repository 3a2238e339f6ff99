# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What tests need that boot an application: the `start` fixture of conftest.py gives a Start."""

from collections.abc import Callable

from tools.guest import Guest
from tools.program import Kind, Run
from tools.run_application import END_OF_INPUT
from tools.vmm.base import Ending

Start = Callable[..., Guest]
"""`start(files, board=…, **fields of VmSpec)`: a guest booted with an application of the files."""


def outcome(
    start: Start, files: dict[str, str], cmdline: str = "", typed: bytes = b"", **fields: object
) -> tuple[int, bytes, bytes]:
    """What a program's run gives: exit status, output, and why it ended badly.

    `typed`: all of its input, as console=pipe takes it.
    """
    the_run = Run()
    guest = start(files, cmdline=f"{the_run.settings} {cmdline}", **fields)
    guest.read_until(the_run.begin)
    guest.write(typed + END_OF_INPUT)
    assert guest.wait_for_end() is Ending.POWERED_OFF
    pieces = list(the_run.feed(bytes(guest.transcript).partition(the_run.begin)[2]))
    output = b"".join(piece for kind, piece in pieces if kind is Kind.OUTPUT)
    error = b"".join(piece for kind, piece in pieces if kind is Kind.TRACEBACK)
    assert the_run.status is not None
    return the_run.status, output, error
