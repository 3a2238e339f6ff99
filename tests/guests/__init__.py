# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Tiny guests in assembly, each one file: what the tests and the benchmarks need of a machine."""

import subprocess
from pathlib import Path

_HERE = Path(__file__).parent


def build_guest(name: str, directory: Path) -> Path:
    """Assemble tests/guests/NAME.S to directory/NAME.elf, and give its path."""
    elf = directory / f"{name}.elf"
    command = ["gcc", "-nostdlib", "-static", "-no-pie", "-o", str(elf), str(_HERE / f"{name}.S")]
    command += [f"-Wl,-T,{_HERE / 'guest.ld'},--build-id=none,--no-warn-rwx-segments,-n"]
    subprocess.run(command, check=True, timeout=60)
    return elf
