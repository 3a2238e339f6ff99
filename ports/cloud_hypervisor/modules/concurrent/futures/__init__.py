# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Calls that run elsewhere: CPython's concurrent.futures."""

from ._base import (  # noqa: F401
    ALL_COMPLETED,
    FIRST_COMPLETED,
    FIRST_EXCEPTION,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    InvalidStateError,
    TimeoutError,
    as_completed,
    wait,
)
from .thread import ThreadPoolExecutor  # noqa: F401


def __getattr__(name):
    """What not every program needs, and not every board has."""
    if name == "InterpreterPoolExecutor":
        from .interpreter import InterpreterPoolExecutor

        return InterpreterPoolExecutor
    if name == "BrokenInterpreterPool":
        from .interpreter import BrokenInterpreterPool

        return BrokenInterpreterPool
    raise AttributeError(name)
