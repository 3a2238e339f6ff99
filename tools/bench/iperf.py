# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""iperf3, the rival of `./inv bench net` and the peer of both guests, out of Debian's packages.

They are unpacked and not installed: the program and its libraries lie together in a directory of
the cache, from where they run on the host, and go into the Linux guest.
"""

import shutil
from pathlib import Path

from .. import apt
from ..cache import cached_directory
from ..errors import UserError
from ..sources import fetch_binary_package

_LOADER = "ld-linux-x86-64.so.2"
_LIBRARIES = ("libiperf.so.0", "libsctp.so.1", "libcrypto.so.3", "libm.so.6", "libc.so.6", _LOADER)


def _packages() -> list[Path]:
    # Debian 13 has another name for it.
    libssl = apt.dependency("libiperf0", r"libssl3.*")
    return [fetch_binary_package(name) for name in ("libiperf0", "libsctp1", libssl, "libc6")]


def _program() -> Path:
    return fetch_binary_package("iperf3") / "usr/bin/iperf3"


def version() -> str:
    """As Debian has it."""
    return _program().parents[2].name.partition("_")[2]


def directory() -> Path:
    """What holds the program and its libraries, and nothing else."""

    def fill(made: Path) -> None:
        shutil.copy(_program(), made / "iperf3")
        packages = _packages()
        for name in _LIBRARIES:
            shutil.copy(_library(packages, name), made / name)

    return cached_directory(f"iperf3/{version()}", fill)


def _library(packages: list[Path], name: str) -> Path:
    for package in packages:
        for found in package.glob(f"**/x86_64-linux-gnu/{name}"):
            return found
    raise UserError(f"No package of iperf3's holds {name}.", "./inv clean --all")


def command(place: str, *options: str) -> list[str]:
    """The words that run it, with its own libraries, where `directory` is called `place`."""
    return [f"{place}/{_LOADER}", "--library-path", place, f"{place}/iperf3", *options]
