# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""A guest with MicroPython in it: one VMM, its serial line, and the REPL at its other end.

Used by the tasks, by the tests, and by whoever drives a guest from a program:

    with Guest(make_vmm("qemu"), VmSpec(Path("build/firmware.elf"))) as guest:
        guest.wait_for_prompt()
        print(guest.output_of("print(6 * 7)"))

A guest that crashes, resets unasked, powers off or says nothing for too long ends in an exception
that carries the last lines of its output; leaving the `with` stops whatever still runs.
"""

import ast
import math
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from .crash import CRASH_BEGIN, CRASH_END, CRASH_LIMIT, CRASH_PLACE, debug_file_of, explain
from .raw_repl import INTERRUPT, RawRepl
from .serial_line import LineClosed, SerialLine
from .vmm.base import Ending, Vmm, VmSpec
from .vmm.disk import Disk
from .vmm.nic import Nic

PROMPT = b">>> "
SOFT_REBOOT = b"MPY: soft reboot\r\n"

_TIMEOUT = 15.0
"""Seconds, on a VMM as fast as QEMU's emulation; `Vmm.slowness` stretches it."""
_POLL_INTERVAL = 0.1
_DOUBT_TIME = 0.3
_REPORT_TIME = 2.0
"""Silence after which a crash report will not go on."""
_TAIL_LINES = 25


class GuestError(Exception):
    """Something went wrong with a guest. `output` is the end of what it has said."""

    def __init__(self, message: str, output: str) -> None:
        tail = "\n".join(output.splitlines()[-_TAIL_LINES:])
        frame = f"\n--- the guest's last lines ---\n{tail}\n---" if tail.strip() else ""
        super().__init__(message + frame)
        self.message = message
        self.output = tail


class GuestTimeout(GuestError):
    """The guest did not say in time what was awaited."""


class GuestEnded(GuestError):
    """The machine ended: see `ending`."""

    def __init__(self, ending: Ending, message: str, output: str) -> None:
        super().__init__(message, output)
        self.ending = ending


class GuestCrashed(GuestError):
    """The guest's kernel reported a fault.

    `report` is its text, with names where known; `reason` what its first line says.
    """

    def __init__(self, report: str, output: str) -> None:
        super().__init__(f"The guest crashed.\n{report}", output)
        self.report = report
        self.reason = report.partition("\n")[0].removeprefix(CRASH_BEGIN.decode().lstrip())


class PythonError(Exception):
    """The guest's Python raised an exception that nobody caught; the text is its traceback."""


class Guest:
    """One running guest. All timeouts are in seconds; None means the usual one."""

    def __init__(self, vmm: Vmm, spec: VmSpec) -> None:
        """Owns `vmm`, which must not be started yet."""
        self.vmm = vmm
        self.spec = spec
        self.transcript = bytearray()
        """All the guest has sent since it was started, less what `forget` has dropped."""
        self._line: SerialLine | None = None
        self._unread = 0
        """Where in `transcript` the next read begins."""
        self._searched = 0
        """How far `transcript` has been searched for a crash report."""
        self._crash: GuestCrashed | None = None
        self._readable: int | None = None
        """Where in `transcript` a crash report begins: nobody reads beyond. None: there is none."""
        self._ending: Ending | None = None
        self._last_poll = 0.0
        self._last_data = 0.0
        self._dropped_sign = False
        self.sign = PROMPT
        """What a guest that has come up has said."""
        self._limit: float | None = None
        self._end = math.inf
        """When the limit passes, by the monotonic clock."""
        self._repl = RawRepl(self)

    def start(self) -> None:
        """Start the machine; not a byte of its output is lost. Errors as `Vmm.start`."""
        self.vmm.start(self.spec)
        self._line = SerialLine(self.vmm.serial)
        self.vmm.boot()

    def stop(self) -> None:
        """Stop the machine at once, whatever it does: to the guest it is a power cut. May be called
        twice."""
        if self._line is not None:
            self._line.close()
            self._line = None
        self.vmm.stop()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def timeout(self) -> float:
        """How long this guest may take for something that is quick."""
        return _TIMEOUT * self.vmm.slowness

    @property
    def output(self) -> str:
        """The transcript as text."""
        return self.transcript.decode(errors="replace")

    @property
    def came_up(self) -> bool:
        """Whether the guest has shown its prompt, or else its `sign`."""
        return self._dropped_sign or self.sign in self.transcript

    def limit(self, seconds: float | None) -> None:
        """From `seconds` after now on, whatever waits for the guest raises GuestTimeout."""
        self._limit = seconds
        self._end = math.inf if seconds is None else time.monotonic() + seconds

    def forget(self, keep: int = 1 << 20) -> None:
        """Drop what has been read of the transcript, but its last `keep` bytes."""
        size = self._unread - keep
        if size > 0:
            self._dropped_sign = self.came_up
            del self.transcript[:size]
            self._unread -= size
            self._searched = max(0, self._searched - size)
            if self._readable is not None:
                self._readable -= size

    def press_power_button(self) -> None:
        """Ask the guest to power off; see `wait_for_end`. UserError on QEMU."""
        self.vmm.press_power_button()

    # The disks.

    def add_disk(self, disk: Disk) -> str:
        """Plug in a disk; gives its id. The guest may take a moment to see it."""
        return self.vmm.add_disk(disk)

    def remove_disk(self, id: str, timeout: float | None = None) -> None:
        """Plug out a disk; GuestTimeout if the guest does not let go of it."""
        if not self.vmm.remove_disk(id, self.timeout if timeout is None else timeout):
            raise GuestTimeout(f"The guest does not let go of {id}.", self.output)

    def resize_disk(self, id: str, size: int) -> None:
        """Give a disk another size, in bytes. The guest may take a moment to see it."""
        self.vmm.resize_disk(id, size)

    # The network devices.

    def add_nic(self, nic: Nic) -> str:
        """Plug in a network device; gives its id. The guest may take a moment to see it."""
        return self.vmm.add_nic(nic)

    def remove_nic(self, id: str, timeout: float | None = None) -> None:
        """Plug out a network device; GuestTimeout if the guest does not let go of it."""
        if not self.vmm.remove_nic(id, self.timeout if timeout is None else timeout):
            raise GuestTimeout(f"The guest does not let go of {id}.", self.output)

    # The line.

    @contextmanager
    def lent_line(self) -> Iterator[str]:
        """Let another program have the serial line: gives its address, as pyserial takes it.

        Nobody sees what the guest says while no program is connected. Afterwards the REPL is in
        whatever mode the program left it.
        """
        self._open_line().close()
        self._line = None
        try:
            yield self.vmm.serial
        finally:
            self._line = SerialLine(self.vmm.serial)
            self._repl.entered = False

    def fileno(self) -> int:
        """For select: readable when the guest has sent something, or has ended."""
        return self._open_line().fileno()

    def write(self, data: bytes) -> None:
        """Send bytes as typed at a terminal."""
        try:
            left = self._end - time.monotonic()
            self._open_line().write(data, max(0.0, min(self.timeout, left)))
        except TimeoutError as error:
            self._check_limit()
            raise GuestTimeout(f"The guest takes no input: {error}.", self.output) from None
        except LineClosed:
            self.receive(0)

    def write_some(self, data: bytes) -> int:
        """Send as much of `data` as the line takes without waiting; gives how many bytes."""
        try:
            return self._open_line().write_some(data)
        except LineClosed:
            self.receive(0)
            return 0

    def receive(self, timeout: float) -> bytes:
        """What the guest has sent and nobody has read; waits up to `timeout`, then gives b"".

        Raises GuestCrashed and GuestEnded, when everything before the end has been read.
        """
        deadline = time.monotonic() + timeout
        while self._unread == self._readable_end() - self._doubtful():
            left = deadline - time.monotonic()
            if not self._fill(max(0.0, min(left, _POLL_INTERVAL))) and left <= 0:
                break
        data = bytes(self.transcript[self._unread : self._readable_end() - self._doubtful()])
        self._unread += len(data)
        return data

    def read_until(self, pattern: bytes | re.Pattern[bytes], timeout: float | None = None) -> bytes:
        """Everything up to the end of the first match; GuestTimeout if it does not come."""
        regex = re.compile(re.escape(pattern)) if isinstance(pattern, bytes) else pattern
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        # A plain pattern need not be searched for twice in the same bytes.
        overlap = len(pattern) - 1 if isinstance(pattern, bytes) else None
        begin = self._unread
        while (match := regex.search(self.transcript, begin, self._readable_end())) is None:
            if overlap is not None:
                begin = max(self._unread, self._readable_end() - overlap)
            left = deadline - time.monotonic()
            if not self._fill(max(0.0, min(left, _POLL_INTERVAL))) and left <= 0:
                raise GuestTimeout(f"The guest did not send {regex.pattern!r}.", self.output)
        data = bytes(self.transcript[self._unread : match.end()])
        self._unread = match.end()
        return data

    def read_exactly(self, count: int, timeout: float | None = None) -> bytes:
        """The next `count` bytes; GuestTimeout if they do not come."""
        return self.read_until(re.compile(b".{%d}" % count, re.DOTALL), timeout)

    def wait_for_end(self, timeout: float | None = None) -> Ending:
        """Read on until the machine ends; GuestTimeout if it does not. A crash is raised."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        try:
            while time.monotonic() < deadline:
                self._fill(_POLL_INTERVAL)
        except GuestEnded as end:
            return end.ending
        raise GuestTimeout("The guest did not end.", self.output)

    # The friendly REPL.

    def wait_for_prompt(self, timeout: float | None = None) -> bytes:
        """Wait for `>>> `; gives what came before it. At the start of every test."""
        self._repl.entered = False
        return self.read_until(PROMPT, timeout)

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.write(INTERRUPT)

    def soft_reset(self) -> None:
        """Ctrl-D at the friendly prompt: a fresh interpreter in the same machine."""
        self._repl.enter(self.timeout)
        self._repl.leave(self.timeout)
        self.write(b"\x04")
        self.read_until(SOFT_REBOOT)
        self.wait_for_prompt()

    def leave_raw_repl(self) -> None:
        """Back to the friendly prompt after `execute` and its kin. Else does nothing."""
        self._repl.leave(self.timeout)

    # The raw REPL.

    @property
    def repl(self) -> RawRepl:
        """The raw REPL, for whoever wants to follow a program's output as it comes."""
        return self._repl

    def exec_raw(self, code: bytes, timeout: float | None = None) -> tuple[bytes, bytes]:
        """Run code; gives its output and its traceback as the line carried them."""
        return self._repl.execute(code, self.timeout if timeout is None else timeout)

    def exec(self, code: str, timeout: float | None = None) -> tuple[str, str]:
        """Run code; gives its output and its traceback (empty if it ended well) as text."""
        output, traceback = self.exec_raw(code.encode(), timeout)
        return _to_text(output), _to_text(traceback)

    def output_of(self, code: str, timeout: float | None = None) -> str:
        """Run code that must end well, and give its output; PythonError if it raises."""
        output, traceback = self.exec(code, timeout)
        if traceback:
            raise PythonError(output + traceback)
        return output

    def eval(self, expression: str, timeout: float | None = None) -> Any:
        """The value of an expression, if it is a Python literal."""
        return ast.literal_eval(self.output_of(f"print(repr({expression}))", timeout).strip())

    # Inside.

    def _open_line(self) -> SerialLine:
        if self._line is None:
            raise GuestEnded(
                self._ending or Ending.VMM_FAILED, "The guest is not running.", self.output
            )
        return self._line

    def _readable_end(self) -> int:
        return len(self.transcript) if self._readable is None else self._readable

    def _doubtful(self) -> int:
        """How many of the last bytes may be the beginning of a crash report that is on its way."""
        if time.monotonic() - self._last_data > _DOUBT_TIME * self.vmm.slowness:
            return 0
        for size in range(len(CRASH_BEGIN) - 1, len(b"\r\n"), -1):
            if self.transcript.endswith(CRASH_BEGIN[:size]):
                return min(size, len(self.transcript) - self._unread)
        return 0

    def _fill(self, timeout: float) -> bool:
        """Add to the transcript what comes within `timeout`; True if something came."""
        if self._crash is not None:
            raise self._crash
        self._check_limit()
        if self._ending is not None:
            # The last bytes may still be on their way.
            timeout = max(timeout, _POLL_INTERVAL)
        try:
            data = self._open_line().read(timeout)
        except LineClosed:
            data = b""
            self._line_was_closed()
        if data:
            self._last_data = time.monotonic()
        self.transcript += data
        self._look_for_crash()
        if self._ending is None:
            # A later call reads what was sent before the end, and raises when nothing is left.
            self._poll(always=not data)
        elif not data:
            raise GuestEnded(self._ending, self._describe_ending(), self.output)
        return bool(data)

    def _check_limit(self) -> None:
        if time.monotonic() > self._end:
            raise GuestTimeout(f"The guest did not end within {self._limit:g} s.", self.output)

    def _poll(self, always: bool) -> None:
        """See what the machine does: when it is silent, and now and then while it talks."""
        now = time.monotonic()
        if always or now - self._last_poll > _POLL_INTERVAL:
            self._last_poll = now
            self._ending = self.vmm.poll()

    def _line_was_closed(self) -> None:
        """The machine has ended, or is about to."""
        self._ending = self.vmm.wait(self.timeout)
        if self._ending is None:
            raise GuestError("The VMM lives on without its serial line.", self.output)

    def _look_for_crash(self) -> None:
        """Hide a crash report from readers, and raise it when all of it has come."""
        if self._readable is None:
            begin = self.transcript.find(CRASH_BEGIN, self._searched)
            if begin < 0:
                self._searched = max(0, len(self.transcript) - len(CRASH_BEGIN))
                return
            # Its first bytes have been read already if the rest took very long.
            self._readable = max(begin, self._unread)
            self._searched = begin
        end = self.transcript.find(CRASH_END, self._searched)
        if end >= 0:
            begin = self.transcript.rfind(CRASH_BEGIN, 0, end)
            self._readable = max(begin, self._unread)
            self._set_crash(self.transcript[begin : end + len(CRASH_END)])
            return
        silent = time.monotonic() - self._last_data > _REPORT_TIME * self.vmm.slowness
        if silent and CRASH_PLACE.search(self.transcript, self._searched):
            # The guest crashed again while it reported.
            self._set_crash(self.transcript[self._searched :])
        elif silent or len(self.transcript) - self._searched > CRASH_LIMIT:
            # A program has printed what looks like the beginning of a report.
            self._readable = None
            self._searched += len(CRASH_BEGIN)

    def _set_crash(self, report: bytearray) -> None:
        text = explain(report.decode(errors="replace"), debug_file_of(self.spec.kernel))
        self._crash = GuestCrashed(text, self.output)

    def _describe_ending(self) -> str:
        if self._ending is Ending.VMM_FAILED:
            return f"The VMM failed: {self.vmm.stderr_text.strip() or 'it said nothing'}."
        if self._ending is Ending.RESET:
            return "The guest reset itself."
        return "The guest powered off."


def _to_text(data: bytes) -> str:
    """The console sends every newline of a program as CR LF."""
    return data.decode(errors="replace").replace("\r\n", "\n")
