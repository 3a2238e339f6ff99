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
from rich.markup import escape

from . import host, sources, vmm
from .cache import cache_root
from .errors import UserError
from .vmm import cloud_hypervisor_cli, kvm_probe, qemu


@dataclass(frozen=True)
class Finding:
    """One line of the report. `advice` is empty where nothing is to be done."""

    subject: str
    state: str
    advice: str = ""


def main() -> int:
    """Print the report. Returns 0: that a machine lacks something is no failure of this task."""
    console = Console(highlight=False)
    for finding in findings():
        mark = "[yellow]-[/yellow]" if finding.advice else "[green]✓[/green]"
        text = f"{finding.state.rstrip('.')}. {finding.advice}" if finding.advice else finding.state
        console.print(f"{mark} {finding.subject:<20} {escape(text)}", soft_wrap=True)
    return 0


def findings() -> Iterator[Finding]:
    yield Finding("Python", f"{sys.version.split()[0]}, {sys.executable}")
    for group in host.GROUPS:
        yield package_finding(group)
    yield micropython_finding()
    yield Finding("cache", str(cache_root()) + ("" if cache_root().is_dir() else " (empty)"))
    yield qemu_finding()
    yield cloud_hypervisor_finding()
    yield kvm_finding()
    yield target_finding()


def package_finding(group: str) -> Finding:
    subject = f"packages for {group}"
    missing = host.missing_packages(host.GROUPS[group])
    if not missing:
        return Finding(subject, "installed")
    # No problem yet: each task installs what it needs by itself.
    return Finding(
        subject, f"missing: {' '.join(missing)}", f"As root: {host.install_command(missing)}"
    )


def micropython_finding() -> Finding:
    named = os.environ.get("MICROPYTHON_DIR")
    try:
        if not named:
            source = sources.source("micropython")
            if not (cache_root() / source.entry).is_dir():
                return Finding(
                    "MicroPython", f"{source.version}, not fetched yet: ./inv build does"
                )
        tree = sources.micropython()
    except UserError as error:
        return Finding("MicroPython", error.message.rstrip("."), error.hint)
    return Finding("MicroPython", f"{tree.name}, {tree.path}")


def qemu_finding() -> Finding:
    try:
        return Finding("QEMU", qemu.version())
    except UserError as error:
        return Finding("QEMU", error.message.rstrip("."), error.hint)


def cloud_hypervisor_finding() -> Finding:
    try:
        program = cloud_hypervisor_cli.find()
        if program is None:
            return Finding(
                "Cloud Hypervisor",
                "not found",
                "Put a release's static program on PATH, or name it by CLOUD_HYPERVISOR",
            )
        return Finding("Cloud Hypervisor", f"{cloud_hypervisor_cli.version_of(program)}, {program}")
    except UserError as error:
        return Finding("Cloud Hypervisor", error.message.rstrip("."), error.hint)


def kvm_finding() -> Finding:
    reason = kvm_probe.why_unusable()
    if reason is None:
        return Finding("KVM", "usable")
    return Finding("KVM", f"not usable: {reason}", "`run` takes QEMU's emulation instead")


def target_finding() -> Finding:
    try:
        target, text = vmm.choose_target()
    except UserError as error:
        return Finding("target rung", "cannot run", error.message)
    if target is None:
        return Finding("target rung", f"cannot run: {text}", "The other rungs can")
    return Finding("target rung", text)


def clang_version() -> str:
    """As in `clang 14.0.6`; '' where there is none."""
    if shutil.which("clang") is None:
        return ""
    done = subprocess.run(
        ["clang", "--version"], capture_output=True, text=True, timeout=30, check=False
    )
    found = re.search(r"clang version (\d[\d.]*)", done.stdout)
    return f"clang {found[1]}" if found else ""
