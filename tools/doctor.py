# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The `doctor` task: what this machine can run, what is missing, and what to do about it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from tools import host, sources
from tools.cache import cache_root
from tools.errors import UserError

LEAST_CLOUD_HYPERVISOR = 53


@dataclass(frozen=True)
class Finding:
    """One line of the report. `advice` is empty where nothing is to be done."""

    subject: str
    state: str
    advice: str = ""


def main() -> int:
    """Print the report. Returns 0: that a machine lacks something is no failure of this task."""
    table = Table(show_header=False, box=None, pad_edge=False)
    for finding in findings():
        mark = "[yellow]-[/yellow]" if finding.advice else "[green]✓[/green]"
        table.add_row(mark, finding.subject, f"{finding.state}. {finding.advice}".strip(". "))
    Console(highlight=False, soft_wrap=True).print(table)
    return 0


def findings() -> Iterator[Finding]:
    yield Finding("Python", f"{sys.version.split()[0]}, {sys.executable}")
    for group in host.GROUPS:
        yield package_finding(group)
    yield micropython_finding()
    yield Finding("cache", str(cache_root()) + ("" if cache_root().is_dir() else " (empty)"))
    qemu = qemu_version()
    yield Finding("QEMU", qemu or "not found", "" if qemu else "./inv run installs it")
    yield cloud_hypervisor_finding()
    yield kvm_finding()
    yield target_finding()


def package_finding(group: str) -> Finding:
    subject = f"packages for {group}"
    missing = host.missing_packages(host.GROUPS[group])
    if not missing:
        return Finding(subject, "installed")
    # gdb is wanted by one task only, and the others install what they need by themselves.
    return Finding(
        subject, f"missing: {' '.join(missing)}", f"As root: {host.install_command(missing)}"
    )


def micropython_finding() -> Finding:
    named = os.environ.get("MICROPYTHON_DIR")
    try:
        if not named:
            source = sources.read_sources()["micropython"]
            if not (cache_root() / source.entry).is_dir():
                return Finding(
                    "MicroPython", f"{source.version}, not fetched yet: ./inv build does"
                )
        tree = sources.micropython()
    except UserError as error:
        return Finding("MicroPython", error.message.rstrip("."), error.hint)
    return Finding("MicroPython", f"{tree.name}, {tree.path}")


def cloud_hypervisor_finding() -> Finding:
    version = cloud_hypervisor_version()
    if not version:
        return Finding(
            "Cloud Hypervisor",
            "not found",
            "Put a release's static `cloud-hypervisor` on PATH, or name it by CLOUD_HYPERVISOR",
        )
    found = re.search(r"v(\d+)", version)
    if found is None or int(found[1]) < LEAST_CLOUD_HYPERVISOR:
        return Finding(
            "Cloud Hypervisor", version, f"v{LEAST_CLOUD_HYPERVISOR}.0 or newer is what is tested"
        )
    return Finding("Cloud Hypervisor", version)


def kvm_finding() -> Finding:
    from tools.vmm.kvm_probe import why_unusable

    reason = why_unusable()
    return Finding("KVM", f"not usable: {reason}" if reason else "usable")


def target_finding() -> Finding:
    from tools import vmm

    target, reason = vmm.choose_target()
    if target is None:
        return Finding("target rung", "cannot run", reason)
    return Finding("target rung", f"runs on {target}")


def qemu_version() -> str:
    """`QEMU 7.2.22`, or '' where there is none."""
    text = first_line(["qemu-system-x86_64", "--version"])
    found = re.search(r"version (\S+)", text)
    return f"QEMU {found[1]}" if found else text


def cloud_hypervisor_version() -> str:
    """`cloud-hypervisor v53.0`, or '' where there is none."""
    return first_line([os.environ.get("CLOUD_HYPERVISOR") or "cloud-hypervisor", "--version"])


def clang_version() -> str:
    """`clang 14.0.6`, or '' where there is none."""
    found = re.search(r"clang version (\d[\d.]*)", first_line(["clang", "--version"]))
    return f"clang {found[1]}" if found else ""


def first_line(command: list[str]) -> str:
    """The first line that a program prints, or '' if it is not there or fails."""
    if shutil.which(command[0]) is None:
        return ""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.partition("\n")[0].strip() if done.returncode == 0 else ""
