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

from .child import run_lines
from .errors import UserError

# "a|b" is satisfied by either and installs the first. A `*` matches any package name.
GROUPS: dict[str, tuple[str, ...]] = {
    # dpkg and apt themselves are essential.
    "build": ("make", "gcc", "libc6-dev", "binutils", "bzip2", "xz-utils"),
    "run": ("qemu-system-x86",),
    "test": ("clang", "libclang-rt-dev|libclang-rt-*-dev", "cpio"),
    "debug": ("gdb",),
    "disk": ("dosfstools",),
    "peers": ("iproute2", "iputils-ping", "dnsmasq-base", "openssl", "curl", "mosquitto-clients"),
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
    """Install Debian packages as root or by sudo. UserError with apt's own reason if that fails."""
    by_hand = f"Type this as root, then repeat: {install_command(packages)}"
    prefix = _privilege()
    if prefix is None:
        raise UserError(f"Debian packages are missing: {' '.join(packages)}.", by_hand)
    print(f"Installing Debian packages: {' '.join(packages)}", file=sys.stderr, flush=True)
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8", "apt-get"]
    apt += ["-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=2"]
    install_them = [*apt, "install", "--yes", "--no-install-recommends", *packages]
    # The package lists may be absent (a container image) or name files that the mirror no longer
    # has: only then is an update worth its time.
    for command in (install_them, [*apt, "update"], install_them):
        code, lines = run_showing_last_line(command)
        if code == 0 and command is install_them:
            return
    errors = dict.fromkeys(line for line in lines if line.startswith("E:"))
    raise UserError(f"apt-get failed: {' '.join(errors) or 'no message'}", by_hand)


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


def run_showing_last_line(
    command: list[str], environment: dict[str, str] | None = None
) -> tuple[int, list[str]]:
    """Run a command; where stderr is a terminal, show its last line in place. Code and lines."""
    live = sys.stderr.isatty()
    width = shutil.get_terminal_size().columns - 4
    lines: list[str] = []

    def take(line: str) -> None:
        lines.append(" ".join(line.split()))
        if live:
            print(f"\r\033[K  {lines[-1][:width]}", end="", file=sys.stderr, flush=True)

    code = run_lines(command, take, environment)
    if live:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    return code, lines
