# SPDX-License-Identifier: MIT
"""The command line: optional positional arguments, errors of one line, exit codes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TASKS = """
import os, sys
sys.path.insert(0, {root!r})
from invoke.context import Context
from tools.errors import UserError, WorkFailed
from tools.tasking import number, repair_parser, task

repair_parser()

@task("run", positional=["app"])
def run(_: Context, app: str = "", cpus: str = "1") -> int:
    print("app", repr(app), "cpus", number("cpus", cpus, 1, 4))
    return 7 if app == "seven.py" else 0

@task("exec", positional=["code"])
def execute(_: Context, code: str) -> None:
    print("code", repr(code))

@task("disk", positional=["action", "words"])
def disk(_: Context, action: str, words: tuple[str, ...] = (), size: str = "") -> None:
    print(action, words, size)

@task("fail")
def fail(_: Context, how: str = "user") -> None:
    if how == "user":
        raise UserError("It is wrong.", "Do this.")
    if how == "work":
        raise WorkFailed("It failed.")
    if how == "denied":
        open({denied!r})
    if how == "pipe":
        raise BrokenPipeError
    raise KeyboardInterrupt

@task("full")
def full(_: Context) -> None:
    os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
    print("lost")
"""


@pytest.fixture
def tasks(tmp_path: Path, root: Path) -> Path:
    (tmp_path / "tasks.py").write_text(TASKS.format(root=str(root), denied=str(tmp_path / "none")))
    return tmp_path


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("run", 0, "app '' cpus 1"),
        ("run hello.py", 0, "app 'hello.py' cpus 1"),
        ("run --cpus 2", 0, "app '' cpus 2"),
        ("run --cpus=2 hello.py", 0, "app 'hello.py' cpus 2"),
        ("run hello.py --cpus 0x3", 0, "app 'hello.py' cpus 3"),
        ("run --app hello.py", 0, "app 'hello.py' cpus 1"),
        ("run exec", 0, "app 'exec' cpus 1"),
        ("run seven.py", 7, "app 'seven.py' cpus 1"),
        ("disk ls", 0, "ls ()"),
        ("disk --size 3 ls run fail disk", 0, "ls ('run', 'fail', 'disk') 3"),
        ("disk ls a --size 3 b", 0, "ls ('a', 'b') 3"),
        ("disk ls --words a", 0, "ls ('a',)"),
        ("disk", 2, "'action'"),
        ("disk ls --sise 3", 2, "No idea what '--sise' is! See ./inv disk --help"),
        ("run --cpus many", 2, "run: --cpus 'many' is not right. Give 1 to 4."),
        ("run --cpus 5", 2, "run: --cpus '5' is not right. Give 1 to 4."),
        ("run --cpu 2", 2, "No idea what '--cpu' is! See ./inv run --help"),
        ("run hello.py another.py", 2, "No idea what 'another.py' is! See ./inv run --help"),
        ("exec 1+1", 0, "code '1+1'"),
        ("exec", 2, "'exec' did not receive required positional arguments: 'code'"),
        ("nothing", 2, "No idea what 'nothing' is! See ./inv --list"),
        ("fail", 2, "fail: It is wrong. Do this."),
        ("fail --how work", 1, "fail: It failed."),
        ("fail --how interrupt", 130, "Stopped."),
        ("fail --how denied", 1, "/none: No such file or directory"),
        ("full", 1, "full: No space left on device"),
        ("exec -1", 2, "No idea what '-1' is! As code it is --code=-1. See ./inv exec --help"),
        ("exec --code=-1", 0, "code '-1'"),
        ("exec --help", 0, "Usage: "),
        ("run --help", 0, "Usage: "),
    ],
)
def test_line(tasks: Path, line: str, code: int, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "invoke", *line.split()],
        cwd=tasks,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    output = done.stdout + done.stderr
    assert said in output
    assert done.returncode == code, output
    assert "Traceback" not in output
    if code not in (0, 7):
        assert len(output.strip().splitlines()) == 1


def invoke(tasks: Path, *line: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "invoke", *line],
        cwd=tasks,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_reader_that_goes_away_ends_a_task_quietly(tasks: Path) -> None:
    done = invoke(tasks, "fail", "--how", "pipe")
    assert (done.returncode, done.stdout, done.stderr) == (141, "", "")


def test_traceback_of_the_unexpected_is_there_to_be_had(tasks: Path) -> None:
    done = invoke(tasks, "fail", "--how", "denied", INVOKE_DEBUG="1")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


@pytest.mark.parametrize(
    ("typed", "completed"),
    [("inv ru", "run"), ("inv run --c", "--cpus"), ("inv run hello.py --", "--cpus")],
)
def test_a_shell_can_complete_what_was_typed(tasks: Path, typed: str, completed: str) -> None:
    done = invoke(tasks, "--complete", "--", *typed.split())
    assert (done.returncode, done.stderr) == (0, "")
    assert completed in done.stdout.splitlines()
