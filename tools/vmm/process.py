# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""A child process that cannot outlive us, with its output kept in a file that has no name."""

import ctypes
import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


def _die_with_parent(parent: int) -> None:
    """Runs in the child before exec: the kernel kills it when the starting thread ends."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


class ChildProcess:
    """A process in a session of its own: a Ctrl-C at our terminal does not reach it."""

    def __init__(self, command: Sequence[str], pass_fds: Sequence[int] = ()) -> None:
        """Start `command`. FileNotFoundError if there is no such program."""
        # Closed in `kill`; the file has no name, so it is gone even if we are killed.
        self._output = tempfile.TemporaryFile()  # noqa: SIM115
        parent = os.getpid()
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                pass_fds=pass_fds,
                start_new_session=True,
                preexec_fn=lambda: _die_with_parent(parent),
            )
        except BaseException:
            self._output.close()
            raise
        self._final_output = b""

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def output(self) -> str:
        """Everything it has written to standard output and standard error so far."""
        if self._output.closed:
            data = self._final_output
        else:
            data = os.pread(self._output.fileno(), os.fstat(self._output.fileno()).st_size, 0)
        return data.decode(errors="replace")

    def poll(self) -> int | None:
        """The exit code (negative: the signal), None while it runs."""
        return self._process.poll()

    def wait(self, timeout: float) -> int | None:
        """The exit code, or None if it still runs after `timeout` seconds."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """End the process and whatever it started, and reap it. May be called twice."""
        if self._output.closed:
            return
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._final_output = self.output.encode()
        self._output.close()
