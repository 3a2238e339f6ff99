# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Someone who types tasks: starts them, sits at their terminal, flashes applications."""

import contextlib
import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tools.paths import ROOT

LIMIT = 60
"""Seconds for one task."""
MARKER = "GUEST_TEST_MARKER"

# These are about our side of the line, whatever is at the other. Each task on the nested back end
# starts a Linux guest of its own, so there the few that remain must do.
any_vmm_will_do = pytest.mark.only_on("qemu", "cloud_hypervisor")


@dataclass
class Host:
    """Starts tasks in an environment by which their processes and files can be found again."""

    vmm: str
    temporary: Path
    marker: str

    def command(self, task: str, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "invoke", task, *arguments, f"--vmm={self.vmm}"]

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"TMPDIR": str(self.temporary), MARKER: self.marker}

    def run(
        self, task: str, *arguments: str, typed: str = ""
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            self.command(task, *arguments),
            input=typed.encode(),
            capture_output=True,
            cwd=ROOT,
            env=self.environment,
            timeout=LIMIT,
            check=False,
        )

    def processes(self) -> list[str]:
        """The command lines of the processes that these tasks have left."""
        found = []
        for directory in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if f"{MARKER}={self.marker}".encode() in (directory / "environ").read_bytes():
                    found.append((directory / "cmdline").read_text().replace("\0", " "))
        return found


class Terminal:
    """A task at a terminal of its own, and the user before it."""

    def __init__(self, host: Host, *task: str) -> None:
        self.master, self._slave = pty.openpty()
        self.settings = termios.tcgetattr(self._slave)
        self.shown = b""
        self.process = subprocess.Popen(
            host.command(*task),
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            cwd=ROOT,
            env=host.environment,
            start_new_session=True,
            # Its own terminal, so that Ctrl-C and the foreground are as they are for a user.
            preexec_fn=lambda: _take_terminal(self._slave),
        )

    def type(self, data: bytes) -> None:
        os.write(self.master, data)

    def wait_for(self, pattern: bytes) -> None:
        deadline = time.monotonic() + LIMIT
        while (match := re.search(pattern, self.shown)) is None:
            assert time.monotonic() < deadline, f"no {pattern!r} in {self.shown!r}"
            if select.select([self.master], [], [], 0.1)[0]:
                self.shown += os.read(self.master, 65536)
        self.shown = self.shown[match.end() :]

    def wait(self) -> int:
        """The exit code. The terminal must be as it was before."""
        code = self.process.wait(LIMIT)
        assert termios.tcgetattr(self._slave) == self.settings
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self._slave)


def _take_terminal(slave: int) -> None:
    os.close(os.open(os.ttyname(slave), os.O_RDWR))


@contextlib.contextmanager
def terminal(host: Host, *task: str) -> Iterator[Terminal]:
    opened = Terminal(host, *task)
    try:
        yield opened
    finally:
        opened.close()


def flash(host: Host, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """`./inv flash`, which knows no VMM."""
    command = [sys.executable, "-m", "invoke", "flash", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=host.environment, timeout=LIMIT, capture_output=True, check=False
    )


def flashed(host: Host, directory: Path, code: str, settings: str = "") -> Path:
    """The ELF file that `./inv flash` makes of a program."""
    app = directory / "app"
    app.mkdir()
    (app / "main.py").write_text(code)
    (app / "settings").write_text(settings)
    target = directory / "app.elf"
    assert flash(host, str(app), "--out", str(target)).returncode == 0
    return target
