# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""That a VMM process cannot outlive whoever started it, and that its output is kept."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools.errors import UserError
from tools.vmm import nested_image, process
from tools.vmm.process import ChildProcess

STARTER = """
import sys, time
from tools.vmm.process import ChildProcess
child = ChildProcess(["sleep", "1000"])
print(child.pid, flush=True)
{ending}
"""


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while is_running(pid):
        assert time.monotonic() < deadline, f"{pid} lives on"
        time.sleep(0.02)


@pytest.mark.parametrize("ending", ["time.sleep(1000)", "sys.exit()", "1/0"])
def test_child_dies_with_its_starter(root: Path, ending: str) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER.format(ending=ending)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=root,
    )
    assert starter.stdout is not None
    pid = int(starter.stdout.readline())
    if "sleep" in ending:
        assert is_running(pid)
        starter.kill()
    starter.wait(10)
    starter.stdout.close()
    wait_until_gone(pid)


def test_output_of_both_streams_is_kept() -> None:
    child = ChildProcess(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert child.wait(10) == 3
    assert sorted(child.output.split()) == ["err", "out"]
    child.kill()
    child.kill()
    assert sorted(child.output.split()) == ["err", "out"]


def test_kill_ends_what_the_child_started() -> None:
    child = ChildProcess(["sh", "-c", "sleep 1000 & echo $!; wait"])
    deadline = time.monotonic() + 10
    while not child.output.endswith("\n"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    grandchild = int(child.output)
    child.kill()
    wait_until_gone(grandchild)


def test_missing_program() -> None:
    with pytest.raises(FileNotFoundError):
        ChildProcess(["/none/such"])


@pytest.mark.parametrize(
    ("script", "complaint"),
    [("sleep 3", "does not end within"), (None, "cannot be run: No such file")],
)
def test_program_that_tells_no_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, complaint: str
) -> None:
    monkeypatch.setattr(process, "_VERSION_TIMEOUT", 0.2)
    program = tmp_path / "program"
    if script is not None:
        program.write_text(f"#!/bin/sh\nexec {script}\n")
        program.chmod(0o755)
    with pytest.raises(UserError, match=complaint):
        process.ask_version(program)


def test_version_may_hold_any_bytes(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nprintf 'v1 \\377'\n")
    program.chmod(0o755)
    assert process.ask_version(program) == "v1 \ufffd"


def test_script_is_not_taken_into_the_nested_guest(tmp_path: Path) -> None:
    program = tmp_path / "cloud-hypervisor"
    program.write_text('#!/bin/sh\nexec true "$@"\n')
    with pytest.raises(UserError, match="is no ELF file"):
        nested_image._libraries(program)
