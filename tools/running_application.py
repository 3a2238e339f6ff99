# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""An application in a guest, driven by a program: its input, its output, and how it ended.

    with running("app", vmm="qemu", cmdline="one 'two words'") as app:
        app.read_until(b"name? ")
        app.write(b"World\n")
        assert app.wait() == Outcome(0, b"name? Hello, World!\n", b"")

For tests there is a pytest plugin that gives such an object: pytest_plugin.py.
"""

import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import build, sources
from .app_files import collect
from .application import compile_app
from .guest import Guest, GuestTimeout
from .program import Kind, Run
from .run_application import END_OF_INPUT, INTERRUPT, quoted
from .vmm import make_vmm
from .vmm.base import VmSpec

_POLL_INTERVAL = 0.1


@dataclass(frozen=True)
class Outcome:
    """How a program ended."""

    status: int
    """Its exit code: docs/applications.md."""
    output: bytes
    """All that it wrote."""
    error: bytes
    """Its last words after an exception that nobody caught, or those of SystemExit."""


class RunningApplication:
    """A program that has begun. All timeouts are in seconds; None means a guest's usual one."""

    def __init__(self, guest: Guest, run: Run) -> None:
        """`guest` has been started with the settings of `run`."""
        self.guest = guest
        self._run = run
        self._read = 0
        """How much of the output has been read."""
        self.output = b""
        """All that the program has written so far."""
        self.error = b""
        guest.sign = run.begin
        guest.read_until(run.begin)

    def write(self, data: bytes) -> None:
        """Give the program something to read."""
        self.guest.write(quoted(data))

    def end_input(self) -> None:
        """The program's input ends here."""
        self.guest.write(END_OF_INPUT)

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.guest.write(INTERRUPT)

    def read_until(self, pattern: bytes | re.Pattern[bytes], timeout: float | None = None) -> bytes:
        """The output up to the end of the first match; GuestTimeout if that does not come."""
        regex = re.compile(re.escape(pattern)) if isinstance(pattern, bytes) else pattern
        deadline = self._deadline(timeout)
        while (match := regex.search(self.output, self._read)) is None:
            if self._run.status is not None or time.monotonic() > deadline:
                raise GuestTimeout(f"The program did not write {regex.pattern!r}.", self._shown)
            self._receive()
        data = self.output[self._read : match.end()]
        self._read = match.end()
        return data

    def wait(self, timeout: float | None = None) -> Outcome:
        """End its input and wait for its end. GuestTimeout if that does not come; GuestCrashed, and
        GuestEnded for a machine that ends without a word of the program's end."""
        self.end_input()
        deadline = self._deadline(timeout)
        while self._run.status is None:
            if time.monotonic() > deadline:
                raise GuestTimeout("The program did not end.", self._shown)
            self._receive()
        return Outcome(self._run.status, self.output, self.error)

    def _deadline(self, timeout: float | None) -> float:
        return time.monotonic() + (self.guest.timeout if timeout is None else timeout)

    def _receive(self) -> None:
        for kind, piece in self._run.feed(self.guest.receive(_POLL_INTERVAL)):
            if kind is Kind.OUTPUT:
                self.output += piece
            else:
                self.error += piece

    @property
    def _shown(self) -> str:
        return (self.output + self.error).decode(errors="replace")


@contextmanager
def running(
    app: Path | str,
    *,
    vmm: str | None = None,
    cmdline: str = "",
    wheels: Path | None = None,
    **machine: Any,
) -> Iterator[RunningApplication]:
    """Boot a guest with an application, a .py file, a directory or a flashed .elf file.

    `vmm`, `wheels`: as the options of the tasks; `machine`: other fields of VmSpec. UserError if
    the application or the machine cannot be.
    """
    run = Run()
    cmdline = f"{run.settings} {cmdline}"
    path = Path(app)
    with tempfile.TemporaryDirectory(prefix="running-") as scratch:
        if path.suffix == ".elf" and path.is_file():
            spec = VmSpec(path, cmdline=cmdline, **machine)
        else:
            image = Path(scratch) / "app.romfs"
            compiled = compile_app(collect(path, wheels), build.mpy_cross(sources.micropython()))
            image.write_bytes(compiled.romfs())
            spec = VmSpec(build.build().elf, cmdline=cmdline, initramfs=image, **machine)
        with Guest(make_vmm(vmm), spec) as guest:
            yield RunningApplication(guest, run)
