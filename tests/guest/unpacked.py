# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Programs that Debian starts as services when they are installed: their packages are unpacked."""

from pathlib import Path

from tools import apt, host
from tools.sources import fetch_binary_package


def program(package: str, path: str) -> str:
    """A file of a package."""
    return str(fetch_binary_package(package) / path)


def command(package: str, path: str) -> list[str]:
    """The words that start a program of a package, with the libraries that this machine lacks."""
    missing = host.missing_packages(apt.dependencies(package, r"lib.*"))
    libraries = [_libraries(fetch_binary_package(name)) for name in missing]
    where = ":".join(str(path) for path in libraries)
    return ["env", f"LD_LIBRARY_PATH={where}", program(package, path)]


def _libraries(tree: Path) -> Path:
    """The directory of a package in which its libraries lie."""
    return next(tree.glob("**/*.so*")).parent
