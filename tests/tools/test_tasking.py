# SPDX-License-Identifier: MIT
"""The command line: optional positional arguments, errors of one line, exit codes."""

import subprocess
import sys
from pathlib import Path

import pytest

TASKS = """
import sys
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

@task("fail")
def fail(_: Context, how: str = "user") -> None:
    if how == "user":
        raise UserError("It is wrong.", "Do this.")
    if how == "work":
        raise WorkFailed("It failed.")
    raise KeyboardInterrupt
"""


@pytest.fixture
def tasks(tmp_path: Path, root: Path) -> Path:
    (tmp_path / "tasks.py").write_text(TASKS.format(root=str(root)))
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
