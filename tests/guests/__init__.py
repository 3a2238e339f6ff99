# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Guests that are no MicroPython, each one file: what tests and benchmarks need of a machine.

NAME.S is one in assembly, alone; NAME/NAME.c is one on the project's kernel.
"""

import subprocess
from pathlib import Path

from tools import sources
from tools.cache import locked
from tools.paths import BUILD

_HERE = Path(__file__).parent


def build_guest(name: str, directory: Path) -> Path:
    """Assemble tests/guests/NAME.S to directory/NAME.elf, and give its path."""
    elf = directory / f"{name}.elf"
    command = ["gcc", "-nostdlib", "-static", "-no-pie", "-o", str(elf), str(_HERE / f"{name}.S")]
    command += [f"-Wl,-T,{_HERE / 'guest.ld'},--build-id=none,--no-warn-rwx-segments,-n"]
    subprocess.run(command, check=True, timeout=60)
    return elf


def build_kernel_guest(name: str, *, debug: bool = False) -> Path:
    """Build tests/guests/NAME/NAME.c, if that is stale, and give the path of the ELF file, beside
    which its symbols lie. `debug`: on a kernel that checks its rules."""
    directory = BUILD / (f"{name}-debug" if debug else name)
    command = ["make", "--no-print-directory", "-C", str(_HERE / name), f"BUILD={directory}"]
    command += [f"MBEDTLS_DIR={sources.mbedtls()}", f"LWIP_DIR={sources.lwip()}"]
    command += ["DEBUG=1"] if debug else []
    with locked(BUILD / f".{directory.name}.lock"):
        done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return directory / f"{name}.elf"
