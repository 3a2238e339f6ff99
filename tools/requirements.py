# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The packages that an application's requirements.txt names, resolved and unpacked by pip."""

import os
import subprocess
import sys
from pathlib import Path

from .errors import UserError
from .terminal import progress

# Wheels that run anywhere, and so hold no machine code: Python source is all that they have.
_PURE = ["--only-binary=:all:", "--platform=any", "--implementation=py", "--abi=none"]
_ENVIRONMENT = {"PIP_USER": "0", "PIP_NO_INPUT": "1"}
"""A user's own habits that do not go with --target, or would wait for an answer."""
_TIMEOUT = 600.0
_SHOWN_LINES = 5


def unpack(requirements: Path, wheels: Path | None, target: Path) -> None:
    """Put the packages and all they need into the directory `target`.

    From PyPI, or, with `wheels`, from the wheels in that directory alone. UserError with pip's
    reason.
    """
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    command += [*_PURE, "--no-compile", f"--target={target}", f"--requirement={requirements}"]
    if wheels is not None:
        if not wheels.is_dir():
            raise UserError(f"--wheels {wheels}: there is no such directory.")
        command += ["--no-index", f"--find-links={wheels}"]
    with progress(f"Fetching what {requirements} names"):
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                errors="replace",
                env=os.environ | _ENVIRONMENT,
                timeout=_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise UserError(f"{requirements}: pip did not end within {_TIMEOUT:g} s.") from None
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR")] or lines
        said = "\n".join(errors[-_SHOWN_LINES:])
        raise UserError(
            f"{requirements} cannot be had as pure Python wheels:\n{said}",
            "\nOnly packages with a wheel for any platform run on MicroPython.",
        )
