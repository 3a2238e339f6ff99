# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The installed package, used by examples/project: its command, tasks and pytest plugin."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.guest.test_first_application import copy_repository
from tools.paths import ROOT

LIMIT = 200

pytestmark = pytest.mark.timeout(2 * LIMIT)


@dataclass(frozen=True)
class Installed:
    """An environment with the package in it, and a copy of the project."""

    programs: Path
    project: Path
    vmm: str

    def run(
        self, program: str, *arguments: str, typed: str = ""
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.programs / program), *arguments],
            cwd=self.project,
            env={name: os.environ[name] for name in os.environ if name != "PYTHONPATH"},
            input=typed,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )


@pytest.fixture(scope="module")
def installed(vmm_name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    directory = tmp_path_factory.mktemp("installed")
    # setuptools writes into the sources of what it builds.
    copy_repository(directory / "sources")
    environment = directory / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True, timeout=LIMIT)
    shutil.copytree(ROOT / "examples" / "project", directory / "project")
    found = Installed(environment / "bin", directory / "project", vmm_name)
    done = found.run("pip", "install", "--quiet", str(directory / "sources"), "pytest")
    assert done.returncode == 0, done.stderr
    yield found
    # What it built lies in the user's cache.
    assert found.run("mpch", "clean").returncode == 0


def test_the_project_s_tests_pass(installed: Installed) -> None:
    done = installed.run("pytest", f"--guest-vmm={installed.vmm}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


def test_a_failing_test_shows_what_the_guest_said(installed: Installed) -> None:
    test = installed.project / "tests" / "test_wrong.py"
    test.write_text(
        "def test_wrong(guest):\n    guest.write(b'4\\n')\n    assert guest.wait() == 5\n"
    )
    done = installed.run("pytest", str(test), f"--guest-vmm={installed.vmm}")
    test.unlink()
    assert done.returncode == 1
    assert "guest 1" in done.stdout and "sum 4" in done.stdout


def test_the_project_s_tasks(installed: Installed) -> None:
    listed = installed.run("invoke", "--list").stdout
    assert "  run " in listed and "  guest.exec " in listed
    assert installed.run("invoke", "flash").returncode == 0
    assert (installed.project / "build" / "counter.elf").stat().st_size > 100_000
    done = installed.run(
        "invoke", "guest.run", "build/counter.elf", f"--vmm={installed.vmm}", typed="3\n4\n"
    )
    assert (done.returncode, done.stdout) == (7, "sum 3\nsum 7\n")


def test_the_command_does_what_inv_does(installed: Installed) -> None:
    done = installed.run("mpch", "exec", "print(6 * 7)", f"--vmm={installed.vmm}")
    assert (done.returncode, done.stdout) == (0, "42\n")
    flashed = installed.run("mpch", "flash", "app", "--no-compiler", "--out", "app.elf")
    assert flashed.returncode == 0, flashed.stderr
    assert "counter.mpy" in installed.run("mpch", "flash", "--inspect", "app.elf").stdout
    assert "0.1.0" in installed.run("mpch", "--version").stdout
    listed = installed.run("mpch", "--list").stdout
    for task in ("build", "clean", "debug", "doctor", "exec", "flash", "run", "size"):
        assert f"  {task} " in listed
