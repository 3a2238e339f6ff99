# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What `run`, `exec` and `debug` refuse or print before there is a guest."""

import shlex
from pathlib import Path

import pytest

from tools import session
from tools.errors import UserError


@pytest.mark.parametrize(
    ("memory", "complaint"),
    [
        ("3M", "4 MiB are the least"),
        ("4097K", "multiple of 4 KiB"),
        ("65537G", "64 TiB at most"),
        ("9" * 5000, "is not a memory size"),
    ],
)
def test_memory_that_cannot_be_is_refused_before_a_build(
    monkeypatch: pytest.MonkeyPatch, memory: str, complaint: str
) -> None:
    monkeypatch.setattr("tools.build.build", lambda: pytest.fail("was built"))
    with pytest.raises(UserError, match=complaint):
        session.execute("", vmm="qemu", cpus=1, memory=memory, cmdline="", timeout=None)


def test_gdb_finds_all_sources(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    monkeypatch.setattr("tools.sources.mbedtls", lambda: Path("/mbed tls"))
    monkeypatch.setattr("tools.sources.lwip", lambda: Path("/lw ip"))
    words = shlex.split(session.gdb_command(Path("/symbols")))
    assert words[:4] == ["gdb", "-d", str(root), "-x"]
    assert Path(words[4]).is_file()
    assert words[5] == "/symbols"
    assert "set substitute-path mbedtls /mbed tls" in words
    assert "set substitute-path lwip /lw ip" in words


@pytest.mark.parametrize("vmm", ["nested", "cloud_hypervisor"])
def test_debug_needs_a_cloud_hypervisor_with_gdb(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, vmm: str
) -> None:
    program = tmp_path / "cloud-hypervisor"
    program.write_text("#!/bin/sh\necho cloud-hypervisor v53.0\n")
    program.chmod(0o755)
    monkeypatch.setenv("CLOUD_HYPERVISOR", str(program))
    monkeypatch.setattr("tools.build.build", lambda: pytest.fail("was built"))
    with pytest.raises(UserError) as caught:
        session.debug(vmm=vmm, cpus=1, memory="512M", cmdline="", timeout=None)
    assert "v53.0, was built without gdb support" in caught.value.message
    assert "--features guest_debug" in caught.value.hint
