# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The path of docs/first-application.md, typed as it stands there, in a clone of its own."""

import argparse
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.guest.conftest import Boot
from tools.paths import ROOT
from tools.vmm.base import Ending

TEXT = (ROOT / "docs" / "first-application.md").read_text()
LIMIT = 300

# The text ends with Cloud Hypervisor. One set-up and build is enough for all rungs.
pytestmark = [pytest.mark.only_on("nested", "cloud_hypervisor"), pytest.mark.timeout(2 * LIMIT)]


@dataclass
class Reader:
    """Who types what the text says: one shell, whose directory and last exit code stay."""

    directory: Path
    code: int = 0

    def type(self, line: str) -> str:
        script = f"(exit {self.code}); {line}\ncode=$?; pwd >&3; exit $code"
        where = self.directory / ".where"
        done = subprocess.run(
            ["bash", "-c", f"exec 3> {shlex.quote(str(where))}\n{script}"],
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        self.code = done.returncode
        self.directory = Path(where.read_text().strip())
        where.unlink()
        assert self.code in (0, 3), done.stderr
        return done.stdout


def steps() -> list[tuple[str, str]]:
    """Each line to type, and what the text shows below it."""
    blocks = re.findall(r"^```\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    return re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", "".join(blocks), re.MULTILINE)


def test_every_line_does_what_the_text_says(boot: Boot, tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    typed = steps()
    assert [line.split()[0] for line, _ in typed].count("./inv") == 3
    for line, shown in typed:
        if line.startswith("git clone REPOSITORY "):
            copy_repository(tmp_path / line.split()[-1])
        elif line.startswith("cloud-hypervisor "):
            assert boot_as_typed(boot, reader.directory, line) == shown
        else:
            said = reader.type(line)
            assert said == shown or not shown
    assert typed[-1][0].startswith("cloud-hypervisor ")


def copy_repository(target: Path) -> None:
    """As a clone, with what is not committed yet."""
    made = shutil.ignore_patterns(".git", ".venv", "build", ".*_cache", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, target, ignore=made, symlinks=True)


def boot_as_typed(boot: Boot, directory: Path, line: str) -> str:
    """What the machine says that this line of Cloud Hypervisor makes."""
    parser = argparse.ArgumentParser()
    for option in ("--kernel", "--cpus", "--memory", "--serial", "--console", "--cmdline"):
        parser.add_argument(option)
    given = parser.parse_args(shlex.split(line)[1:])
    assert (given.serial, given.console) == ("tty", "off")
    guest = boot(
        directory / given.kernel,
        cpus=int(given.cpus.removeprefix("boot=")),
        memory=given.memory.removeprefix("size="),
        cmdline=given.cmdline,
    )
    assert guest.wait_for_end() is Ending.POWERED_OFF
    return guest.output.replace("\r\n", "\n")
