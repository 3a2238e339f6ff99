# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Runs a suite: a fresh guest in QEMU, and upstream's unmodified tests/run-tests.py against it."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.upstream.put_file import put_file
from tests.upstream.suites import CMDLINE, Suite
from tools.guest import Guest
from tools.paths import ROOT
from tools.vmm import make_vmm
from tools.vmm.base import VmSpec

TIME_LIMIT = 600.0
"""Seconds for one suite; the longest takes a fifth of it on two cores of a small machine."""

_RESULT = re.compile(r"^(pass|FAIL|skip) +(\S+\.py)", re.MULTILINE)


@dataclass(frozen=True)
class Results:
    """What upstream's runner said of each test, by its name in tests/, and all of its output."""

    passed: frozenset[str]
    failed: frozenset[str]
    skipped: frozenset[str]
    log: str


def run_suite(suite: Suite, tree: Path, firmware: Path, mpy_cross: Path, scratch: Path) -> Results:
    """Run the suite's tests of the source tree; `scratch` is an empty directory for its files.

    GuestError if the guest has not survived them.
    """
    spec = VmSpec(
        firmware, suite.cpus, cmdline=CMDLINE, count_instructions=suite.count_instructions
    )
    with Guest(make_vmm("qemu"), spec) as guest:
        guest.wait_for_prompt()
        for path, content in files_of(suite, tree).items():
            put_file(guest, path, content)
        guest.leave_raw_repl()
        with guest.lent_line() as serial:
            command = [sys.executable, "run-tests.py", "--jobs", "1", "--result-dir", str(scratch)]
            command += [*suite.options, *target(suite, serial), *suite.paths(tree)]
            environment = {
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "MICROPY_MPYCROSS": str(mpy_cross),
                "MICROPY_MICROPYTHON": str(write_program(scratch)),
                "GUEST_SERIAL": serial,
            }
            # In a copy, because it writes .mpy files where it runs, and bytecode beside modules.
            log = run(command, link_tree(tree, scratch) / "tests", environment)
        assert guest.eval("6 * 7") == 42
    for output in sorted(scratch.glob("*.out")):
        log += f"\n=== {output.name}\n{output.read_text(errors='replace')}"
    passed, failed, skipped = (names(log, verdict) for verdict in ("pass", "FAIL", "skip"))
    return Results(passed, failed, skipped, log)


def target(suite: Suite, serial: str) -> list[str]:
    """The option of run-tests.py that says what is tested."""
    if suite.as_unix_program:
        return ["--test-instance", "unix"]
    bridge = shlex.join([sys.executable, "-m", "tests.upstream.bridge", serial])
    return ["--test-instance", f"exec:exec {bridge}"]


def write_program(scratch: Path) -> Path:
    """An executable file that stands for the unix port's."""
    program = scratch / "micropython"
    command = shlex.join([sys.executable, "-m", "tests.upstream.unix_program"])
    program.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    program.chmod(0o755)
    return program


def link_tree(tree: Path, scratch: Path) -> Path:
    """A tree in which `tests` is a directory of its own and all its files are upstream's.

    The runner itself is no link: it would take the place where its modules lie for that of the
    tests, and name these by absolute paths.
    """
    copy = scratch / "tree"
    (copy / "tests").mkdir(parents=True)
    for path in tree.iterdir():
        if path.name != "tests":
            (copy / path.name).symlink_to(path)
    for path in (tree / "tests").iterdir():
        if path.suffix == ".py":
            shutil.copy2(path, copy / "tests")
        else:
            (copy / "tests" / path.name).symlink_to(path)
    return copy


def run(command: list[str], directory: Path, environment: dict[str, str]) -> str:
    """The output of a command that is ended, with all it started, after TIME_LIMIT."""
    process = subprocess.Popen(
        command,
        cwd=directory,
        env=environment,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        output += f"\nrun-tests.py was ended after {TIME_LIMIT:.0f} s\n"
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    return output


def names(log: str, verdict: str) -> frozenset[str]:
    return frozenset(name for found, name in _RESULT.findall(log) if found == verdict)


def files_of(suite: Suite, tree: Path) -> dict[str, bytes]:
    """The files for the RAM disk, by their paths there."""
    tests = tree / "tests"
    return {
        str(path.relative_to(tests / base)): path.read_bytes()
        for pattern, base in suite.files.items()
        for path in sorted(tests.glob(pattern))
        if path.is_file()
    }
