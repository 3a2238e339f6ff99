# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Children of set-up and build end when their parent does, whichever way that is."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.tools.test_vmm_process import wait_until_gone
from tools.child import run_lines

STARTER = """
from tools.child import run_lines
from tools.orderly import orderly_signals
with orderly_signals():
    command = ["sh", "-c", "echo $$; exec sleep 1000"]
    run_lines(command, lambda line: print(line, end="", flush=True))
"""


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGKILL, -signal.SIGKILL)],
)
def test_child_ends_with_its_parent(root: Path, number: signal.Signals, code: int) -> None:
    # As a background job of a shell: SIGINT comes ignored.
    process = subprocess.Popen(
        [sys.executable, "-c", STARTER],
        cwd=root,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    assert process.stdout is not None
    with process.stdout:
        child = int(process.stdout.readline())
    process.send_signal(number)
    assert process.wait(20) == code
    wait_until_gone(child)


def test_child_ends_when_its_reader_fails() -> None:
    def fail(line: str) -> None:
        raise KeyError(line)

    begin = time.monotonic()
    with pytest.raises(KeyError):
        run_lines(["sh", "-c", "echo; exec sleep 1000"], fail)
    assert time.monotonic() - begin < 20


def test_lines_code_and_environment() -> None:
    lines: list[str] = []
    code = run_lines(["sh", "-c", "echo $A; echo b >&2; exit 3"], lines.append, {"A": "a"})
    assert (code, lines) == (3, ["a\n", "b\n"])
