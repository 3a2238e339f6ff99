# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Programs of VMMs: a child process that cannot outlive us, and what a program's version is."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..child import dying_with_us
from ..errors import UserError

_VERSION_TIMEOUT = 10.0


def ask_version(program: str | Path) -> str:
    """What `program --version` prints; UserError if it cannot be run or does not end."""
    return ask(program, "--version")


def ask(program: str | Path, option: str) -> str:
    """What `program OPTION` prints; UserError if it cannot be run or does not end."""
    try:
        done = subprocess.run(
            [program, option],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_VERSION_TIMEOUT,
        )
    except OSError as error:
        raise UserError(f"{program} cannot be run: {error.strerror}.") from None
    except subprocess.TimeoutExpired:
        raise UserError(
            f"{program} {option} does not end within {_VERSION_TIMEOUT:g} s.",
            "Is it the right program?",
        ) from None
    return done.stdout


class ChildProcess:
    """A process in a session of its own: a Ctrl-C at our terminal does not reach it.

    Its output is kept in a file that has no name.
    """

    def __init__(self, command: Sequence[str], pass_fds: Sequence[int] = ()) -> None:
        """Start `command`. FileNotFoundError if there is no such program."""
        # Closed in `kill`; the file has no name, so it is gone even if we are killed.
        self._output = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                pass_fds=pass_fds,
                start_new_session=True,
                preexec_fn=dying_with_us(signal.SIGKILL),
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
