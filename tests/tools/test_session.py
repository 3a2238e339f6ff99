# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What `run`, `exec` and `debug` refuse or print before there is a guest."""

import shlex
import socket
from pathlib import Path

import pytest

from tools import session
from tools.errors import UserError
from tools.vmm.qemu import require_free_port


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
    words = shlex.split(session.gdb_command(Path("/symbols")))
    assert words[:4] == ["gdb", "-d", str(root), "/symbols"]
    assert "set substitute-path mbedtls /mbed tls" in words


def test_port_that_is_taken_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"The port {port} for gdb"):
            require_free_port(port)
