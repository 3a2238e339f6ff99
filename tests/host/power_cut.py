# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Builds MicroPython's unix port for the tests of power cuts, into build/host/unix/, and runs it.

It has upstream's littlefs, FAT and VFS, in the port's order of writes, and a disk in Python that
knows each write and flush: tests/host/power_cuts/.
"""

import functools
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tools import build, sources
from tools.bench import unix_port
from tools.cache import locked

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / "tests" / "host" / "power_cuts"
BUILD = ROOT / "build" / "host" / "unix"
HEAP = "256m"
# fsck.fat and mkfs.fat are not on everybody's PATH.
ENVIRONMENT = {"PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"}


@dataclass(frozen=True)
class Outcome:
    writes: int
    flushes: int
    images: int
    """So many power cuts were tried."""
    bad: int
    findings: dict[str, tuple[int, list[str]]]
    """What was wrong: how often, and some examples."""


@functools.cache
def program() -> Path:
    tree = sources.micropython()
    variables = {
        **unix_port.OPTIONS,
        "BUILD": str(BUILD),
        "MICROPY_MPYCROSS": str(build.mpy_cross(tree)),
        "PYTHON": sys.executable,
        "USER_C_MODULES": str(PROGRAMS),
    }
    with locked(BUILD.parent / ".unix.lock"):
        make = {path.name: path.read_text() for path in sorted(PROGRAMS.glob("*/micropython.mk"))}
        build.discard_if_changed(BUILD, {**variables, **make, "tree": str(tree.path)})
        build.run_make(
            tree.path / "ports" / "unix",
            variables,
            build.environment_of(tree),
            BUILD / "build.log",
            lambda _: None,
        )
    return BUILD / "micropython"


def cut(timeout: float, **options: object) -> Outcome:
    """Cuts as tests/host/power_cuts/run.py says."""
    done = subprocess.run(
        [str(program()), "-X", f"heapsize={HEAP}", str(PROGRAMS / "run.py")],
        input=json.dumps(options),
        env=ENVIRONMENT | {"MICROPYPATH": f"{PROGRAMS}:{ROOT / 'tools' / 'cut'}"},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Outcome(**json.loads(done.stdout))


def make_fat32(path: Path, size: int) -> None:
    """As small as FAT32 can be, with the two copies of the FAT that mkfs.fat makes."""
    path.touch()
    os.truncate(path, size)
    subprocess.run(
        ["mkfs.fat", "-F", "32", "-s", "1", "-i", "12345678", str(path)],
        env=ENVIRONMENT,
        capture_output=True,
        timeout=30,
        check=True,
    )
