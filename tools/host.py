# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The Debian packages that the tasks need, and their installation.

Standard library only: `inv` uses this module before the virtual environment exists. Packages are
grouped by what needs them, so that `run` on a fresh machine does not install what only `test` uses.
"""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable

from tools.errors import UserError

# "a|b" is satisfied by either and installs the first. A `*` matches any package name.
GROUPS: dict[str, tuple[str, ...]] = {
    "build": ("make", "gcc", "libc6-dev", "binutils", "xz-utils"),
    "run": ("qemu-system-x86",),
    # Cloud Hypervisor inside a Linux guest inside QEMU. dpkg and apt themselves are essential.
    "nested": ("busybox-static", "cpio"),
    "test": ("clang", "libclang-rt-dev|libclang-rt-*-dev"),
    "debug": ("gdb",),
}


def installed_packages(patterns: Iterable[str]) -> set[str]:
    """The patterns (names, or names with `*`) of which a package is fully installed."""
    patterns = set(patterns)
    query = ["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\n"]
    try:
        answer = subprocess.run(
            [*query, *sorted(patterns)], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise UserError(
            "This machine has no dpkg.", "The tasks need Debian 12 or later (or a derivative)."
        ) from None
    found = {
        name.split(":")[0]
        for name, _, status in (line.partition(" ") for line in answer.stdout.splitlines())
        if status == "installed"
    }
    return {pattern for pattern in patterns if any(_matches(name, pattern) for name in found)}


def _matches(name: str, pattern: str) -> bool:
    head, star, tail = pattern.partition("*")
    if not star:
        return name == pattern
    return len(name) >= len(head) + len(tail) and name.startswith(head) and name.endswith(tail)


def missing_packages(wanted: Iterable[str]) -> list[str]:
    """Which of `wanted` (entries as in `GROUPS`) are not installed; the names to install."""
    wanted = list(dict.fromkeys(wanted))
    present = installed_packages(name for entry in wanted for name in entry.split("|"))
    return [entry.split("|")[0] for entry in wanted if not present.intersection(entry.split("|"))]


def group_packages(*groups: str) -> list[str]:
    """The entries of several groups, in order."""
    return [entry for group in groups for entry in GROUPS[group]]


def require(*groups: str) -> None:
    """Install what the groups lack. Raises UserError with the line to type where that fails."""
    missing = missing_packages(group_packages(*groups))
    if missing:
        install(missing)


def install_command(packages: Iterable[str]) -> str:
    """The one line that a user with root rights types."""
    return f"apt-get update && apt-get install --no-install-recommends {shlex.join(packages)}"


def install(packages: list[str]) -> None:
    """Install Debian packages as root or by sudo; apt's own words go to stderr."""
    by_hand = f"Type this as root, then repeat: {install_command(packages)}"
    prefix = _privilege()
    if prefix is None:
        raise UserError(f"Debian packages are missing: {' '.join(packages)}.", by_hand)
    print(f"Installing Debian packages: {' '.join(packages)}", file=sys.stderr, flush=True)
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
    apt += ["-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=2"]
    install_them = [*apt, "install", "--yes", "--no-install-recommends", *packages]
    # The package lists may be absent (a container image) or name files that the mirror no longer
    # has: only then is an update worth its time.
    if _run_on_stderr(install_them, quiet=True) == 0:
        return
    if _run_on_stderr([*apt, "update"]) != 0 or _run_on_stderr(install_them) != 0:
        raise UserError(
            f"apt could not install {' '.join(packages)} (its words stand above).",
            f"Put right what it names (network, mirror, another apt at work). {by_hand}",
        )


def _privilege() -> list[str] | None:
    """The words before a command that make it run as root, or None where that cannot be."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    silent = subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False)
    if silent.returncode == 0 or sys.stdin.isatty():
        return ["sudo"]
    return None


def _run_on_stderr(command: list[str], quiet: bool = False) -> int:
    """Run with stdout on our stderr, which keeps a task's own output clean.

    With `quiet`, the words of a failure are dropped: the caller has another way.
    """
    stderr = subprocess.DEVNULL if quiet else None
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=sys.stderr, stderr=stderr, check=False
    ).returncode
