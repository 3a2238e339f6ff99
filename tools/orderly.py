# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Ends that come from outside, in good order. Standard library only: for `inv` too."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def orderly_signals() -> Iterator[None]:
    """Make SIGTERM and SIGHUP end the program by SystemExit, so that everything is cleaned up."""

    def leave(number: int, frame: FrameType | None) -> None:
        # Once: what cleans up is not to be broken off.
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        sys.exit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
