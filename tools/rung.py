# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""One rung of the tests: its commands as child processes, its log, its counts.

Nothing outlives a rung: its processes form a group, which gets one SIGINT (pytest then takes its
fixtures down) and, when that does not help, SIGKILL.
"""

import os
import re
import signal
import subprocess
import threading
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

PYTEST_NOTHING_COLLECTED = 5
GRACE = 30.0
"""Seconds that fixtures have to take their guests down."""
POLL = 0.2


@dataclass(frozen=True)
class Rung:
    """What a rung runs: its commands in order, all of them, even after a failure."""

    name: str
    commands: list[list[str]]
    runs_on: str
    """Program versions, for the summary."""


@dataclass
class Outcome:
    """How a rung went."""

    rung: str
    state: str
    """passed, failed, stopped, unavailable, or none (no test was selected)."""
    runs_on: str = ""
    note: str = ""
    seconds: float = 0.0
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    skip_reasons: list[str] = field(default_factory=list)

    @property
    def is_bad(self) -> bool:
        return self.state in ("failed", "stopped")


class RungRunner:
    """Runs one rung. `run` may be called in any thread, `stop` from another one at any time."""

    def __init__(self, rung: Rung, logs: Path, limit: float, show: Callable[[str], None]) -> None:
        self.log = logs / f"{rung.name}.log"
        self._rung = rung
        self._results = logs / f"{rung.name}.xml"
        self._limit = limit
        self._show = show
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = ""
        self._failures: list[str] = []
        self._lock = threading.Lock()

    def run(self) -> Outcome:
        """Run the commands to the end of the rung, a failure, the time limit or `stop`."""
        begin = time.monotonic()
        self._results.unlink(missing_ok=True)
        self.log.write_text("")
        timer = threading.Timer(self._limit, self.stop, [f"stopped after {self._limit:.0f} s"])
        timer.daemon = True
        timer.start()
        notes, nothing = [], False
        try:
            for command in self._rung.commands:
                code, left = self._run(command)
                nothing = code == PYTEST_NOTHING_COLLECTED
                if left:
                    notes.append("its tests left processes behind (killed)")
                if code and not nothing and "pytest" not in command:
                    notes.append(f"`{' '.join(command[2:])}` failed")
                if left or (code and not nothing):
                    self._failures.append(report_of(self.log.read_text(errors="replace")))
        finally:
            timer.cancel()
        outcome = Outcome(self._rung.name, "passed", self._rung.runs_on)
        outcome.note = self._stopped or "; ".join(notes)
        outcome.seconds = time.monotonic() - begin
        count(self._results, outcome)
        if self._stopped:
            outcome.state = "stopped"
        elif self._failures:
            outcome.state = "failed"
        elif nothing:
            outcome.state = "none"
        return outcome

    def stop(self, why: str) -> None:
        """End the rung early; returns when its processes are gone. Harmless when it has ended."""
        self.interrupt(why)
        self.end()

    def interrupt(self, why: str) -> None:
        """Tell the rung to end."""
        with self._lock:
            self._stopped = self._stopped or why
            if self._process is not None:
                # Not to the group: pytest itself ends the guests, in the right order.
                self._process.send_signal(signal.SIGINT)

    def end(self) -> None:
        """Wait until an interrupted rung has ended; not for ever, and not after a second Ctrl-C."""
        process = self._process
        if process is None:
            return
        try:
            process.wait(GRACE)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            kill_group(process.pid)

    def failure_text(self) -> str:
        """What a person needs of the log: what each command that failed had to say."""
        return "\n".join(self._failures)

    def _run(self, command: list[str]) -> tuple[int, bool]:
        """Exit code of one command, and whether it left processes behind."""
        with self.log.open("a") as log:
            print("$", *command, file=log, flush=True)
            with self._lock:
                if self._stopped:
                    return 1, False
                # To a file, not to a pipe: whoever inherits a pipe can keep us waiting for ever.
                process = self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    # A terminal's Ctrl-C comes to us alone: a second SIGINT would break off
                    # pytest's clearing up.
                    start_new_session=True,
                    env={**os.environ, "PYTHONUNBUFFERED": "1"},
                )
        with self.log.open(errors="replace") as reader:
            reader.seek(0, os.SEEK_END)
            line = ""
            while True:
                try:
                    code = process.wait(POLL)
                    break
                except subprocess.TimeoutExpired:
                    # pytest writes a test's name before it runs, and the result behind it.
                    line = "".join((line + reader.read()).splitlines(keepends=True)[-1:])
                    self._show(line.strip())
        with self._lock:
            self._process = None
        return code, kill_group(process.pid)


def report_of(log: str) -> str:
    """Of the log's last command: pytest's reports, or the last lines."""
    text = log[max(log.rfind("\n$ ") + 1, 0) :]
    report = re.search(r"^=+ (FAILURES|ERRORS) =+$", text, re.MULTILINE)
    return text[report.start() :] if report else "\n".join(text.splitlines()[-60:])


def kill_group(group: int) -> bool:
    """Kill what is left of a process group; whether there was anything."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def count(results: Path, outcome: Outcome) -> None:
    """Fill in the numbers of tests from pytest's JUnit file, if there is one."""
    try:
        root = ElementTree.parse(results).getroot()
    except (OSError, ElementTree.ParseError):
        return
    reasons: dict[str, int] = {}
    for case in root.iter("testcase"):
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            outcome.failed += 1
        elif skipped is not None:
            outcome.skipped += 1
            reason = skipped.get("message", "no reason")
            reasons[reason] = reasons.get(reason, 0) + 1
        else:
            outcome.passed += 1
    outcome.skip_reasons = [f"{number} skipped: {reason}" for reason, number in reasons.items()]
