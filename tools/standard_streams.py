# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Standard input, output and error, made fit for use whatever state they came in.

Standard library only: `inv` uses this module before the virtual environment exists.
"""

import io
import os
import sys

_MODES = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def repair() -> None:
    """Open /dev/null in place of what is closed; show what an encoding lacks by its code.

    A file that is opened while 0, 1 or 2 is free becomes standard input, output or error.
    """
    for number, (name, mode) in enumerate(_MODES):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is taken: this one. Programs that we start inherit it.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def abandon(number: int) -> None:
    """Let 1 or 2 lead to /dev/null: what is still in a buffer fails no more, at our exit too."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, number)
    os.close(null)
