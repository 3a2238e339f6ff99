# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Child processes that end when we end, however that comes about.

Standard library only: `inv` uses this module before the virtual environment exists.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


def dying_with_us(number: signal.Signals) -> Callable[[], None]:
    """For Popen's preexec_fn: the kernel sends `number` when the thread that starts it ends."""
    parent = os.getpid()

    def prepare() -> None:
        # Ignored in the background jobs of a shell without job control, and by their children.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        _LIBC.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


def run_lines(
    command: list[str], take: Callable[[str], None], environment: dict[str, str] | None = None
) -> int:
    """Run a command and give each line of its output to `take`. Returns its exit code.

    When we are stopped it gets a SIGINT, and is waited for: make, pip and apt then end in good
    order, apt not before dpkg has.
    """
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        preexec_fn=dying_with_us(signal.SIGINT),
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                take(line)
        except BaseException:
            with contextlib.suppress(OSError):  # What sudo runs is not ours to stop.
                process.send_signal(signal.SIGINT)
            raise
    return process.returncode
