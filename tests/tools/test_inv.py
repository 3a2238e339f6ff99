# SPDX-License-Identifier: MIT
"""The bootstrap: a current environment costs nothing, a failed set-up leaves nothing half done."""

import ast
import os
import signal
import subprocess
import sys
import time
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

BASE_PYTHON = str(Path(sys.base_prefix, "bin", f"python3.{sys.version_info[1]}"))
# Nobody listens on the discard port of the loopback interface.
NO_INDEX = {
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    "PIP_RETRIES": "0",
    "PIP_FIND_LINKS": "",
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_NO_CACHE_DIR": "1",
}


def run_inv(directory: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BASE_PYTHON, directory / "inv", *arguments],
        env={**os.environ, **variables},
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture
def inv_module(bare_copy: Path) -> ModuleType:
    """`inv` of the bare copy as a module; its main does not run."""
    loader = SourceFileLoader("inv_under_test", str(bare_copy / "inv"))
    module = ModuleType(loader.name)
    module.__file__ = loader.path
    loader.exec_module(module)
    return module


def test_current_environment_needs_no_network_and_under_a_second(root: Path) -> None:
    run_inv(root, "--version")
    best = 10.0
    for _ in range(3):
        begin = time.monotonic()
        done = run_inv(root, "--version", **NO_INDEX)
        best = min(best, time.monotonic() - begin)
        assert done.returncode == 0
        assert done.stdout.startswith("Invoke ")
        assert done.stderr == ""
    assert best < 1.0


def test_works_from_any_directory(root: Path) -> None:
    done = run_inv(root, "--list")
    assert done.returncode == 0
    names = ("run", "exec", "build", "test", "debug", "size", "doctor", "clean", "bench", "fuzz")
    for task in (*names, "cut", "soak"):
        assert f"\n  {task} " in done.stdout


def test_unreachable_index_is_one_line_and_nothing_counts_as_done(bare_copy: Path) -> None:
    for _ in range(2):
        # The second run begins again: the half-made environment of the first does not count.
        done = run_inv(bare_copy, "--list", **NO_INDEX)
        assert done.returncode == 2
        last = done.stderr.strip().splitlines()[-1]
        assert last.startswith("inv: PyPI did not give")
        assert "ast-serialize" in last
        assert "then repeat" in last
        assert "Traceback" not in done.stderr
        assert not (bare_copy / ".venv" / "inv-stamp").exists()


def test_killed_set_up_is_begun_again(bare_copy: Path) -> None:
    process = subprocess.Popen(
        [BASE_PYTHON, bare_copy / "inv", "--list"],
        env={**os.environ, **NO_INDEX},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not (bare_copy / ".venv" / "pyvenv.cfg").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert (bare_copy / ".venv").exists()
    done = run_inv(bare_copy, "--list", **NO_INDEX)
    assert "PyPI did not give" in done.stderr


def test_stamp_covers_place_interpreter_and_requirements(inv_module: ModuleType) -> None:
    wanted = inv_module.requirements()
    assert not inv_module.is_current(wanted)
    inv_module.PYTHON.parent.mkdir(parents=True)
    inv_module.PYTHON.symlink_to(sys.executable)
    inv_module.STAMP.write_text(inv_module.stamp_of(wanted))
    assert inv_module.is_current(wanted)
    assert not inv_module.is_current([*wanted, "another==1.0"])
    inv_module.PYTHON.unlink()
    inv_module.PYTHON.symlink_to("/nowhere/python3.99")
    assert not inv_module.is_current(wanted)
    inv_module.STAMP.write_text(inv_module.stamp_of(wanted))
    assert not inv_module.is_current(wanted), "an interpreter that is gone"


def test_requirements_are_exact(inv_module: ModuleType) -> None:
    for requirement in inv_module.requirements():
        name, equal, version = requirement.partition("==")
        assert name and equal and version, requirement


@pytest.mark.parametrize("content", [b"[project\n", b"\xff", b"project = 1\n"])
def test_damaged_pyproject_is_one_line(bare_copy: Path, content: bytes) -> None:
    (bare_copy / "pyproject.toml").write_bytes(content)
    done = run_inv(bare_copy, "--list")
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "pyproject.toml cannot be read" in done.stderr


def test_older_python_can_read_it(root: Path) -> None:
    """It must come as far as use_newer_python: no newer syntax, no newer annotations evaluated."""
    tree = ast.parse((root / "inv").read_text(), feature_version=(3, 6))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            notes = [node.returns, *(argument.annotation for argument in node.args.args)]
            assert not any(isinstance(note, ast.Subscript) for note in notes), node.name


def test_closed_standard_streams_do_no_harm(root: Path) -> None:
    for closed in ("<&-", ">&-", "2>&-"):
        command = [
            "sh",
            "-c",
            f'exec "$@" {closed}',
            "sh",
            BASE_PYTHON,
            str(root / "inv"),
            "--list",
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, ""), closed


def test_interrupt_before_a_task_begins_is_no_traceback(root: Path) -> None:
    def interrupt() -> None:
        # As `inv` leaves it, with a Ctrl-C that waits.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        os.kill(os.getpid(), signal.SIGINT)

    done = subprocess.run(
        [sys.executable, "-P", root / "tools" / "start.py", "--list"],
        capture_output=True,
        timeout=30,
        check=False,
        preexec_fn=interrupt,
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")
