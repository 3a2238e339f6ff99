# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Upstream's asyncio, and what it lacks to work with threads.

Upstream's own __init__.py is not frozen: its names are listed here, and imported when they are
first asked for, as there.
"""

from .core import *  # noqa: F403
from .core import Loop

__version__ = (3, 0, 0)

_MODULE_OF = {
    "wait_for": "funcs",
    "wait_for_ms": "funcs",
    "gather": "funcs",
    "Event": "event",
    "Lock": "lock",
    "open_connection": "stream",
    "start_server": "stream",
    "StreamReader": "stream",
    "StreamWriter": "stream",
    "ThreadSafeFlag": "threads",
    "get_running_loop": "threads",
    "to_thread": "threads",
    "wrap_future": "threads",
}


def __getattr__(name):
    if name not in _MODULE_OF:
        raise AttributeError(name)
    module = __import__(_MODULE_OF[name], None, None, True, 1)
    value = globals()[name] = getattr(module, name)
    return value


def _run_in_executor(executor, func, *args):
    from .threads import run_in_executor

    return run_in_executor(executor, func, *args)


Loop.run_in_executor = _run_in_executor
