# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Work in a process of its own: littlefs' C can be made to divide by zero by an image."""

import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable

from .filesystem import Broken


def isolated(work: Callable[[], int | None]) -> int | None:
    """What `work` returns or raises. Broken if its process ended on a signal."""
    sys.stdout.flush()
    sys.stderr.flush()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _report(work, writer)
    os.close(writer)
    try:
        with os.fdopen(reader, "rb") as results:
            content = results.read()
    except BaseException:
        os.kill(child, signal.SIGKILL)
        raise
    finally:
        _, status = os.waitpid(child, 0)
    if not content:
        name = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "no answer"
        raise Broken(f"The filesystem is damaged: what reads it ended with {name}.")
    code, error = pickle.loads(content)
    if error is not None:
        raise error
    return None if code is None else int(code)


def _report(work: Callable[[], int | None], writer: int) -> None:
    """In the child: do it, tell the parent, and end."""
    code, error = None, None
    try:
        code = work()
        sys.stdout.flush()
    except BaseException as raised:
        error = raised
        error.add_note(traceback.format_exc())
    with os.fdopen(writer, "wb") as results:
        results.write(pickle.dumps((code, error)))
    os._exit(0)
