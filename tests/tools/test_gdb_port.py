# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""tools/vmm/gdb_port.py: gdb's port, and what carries it to Cloud Hypervisor's Unix socket."""

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.errors import UserError
from tools.vmm.gdb_port import GdbRelay, require_free_port


def connected(path: Path) -> socket.socket:
    end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        end.connect(str(path))
    except OSError:
        end.close()
        raise
    return end


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[GdbRelay]:
    relay = GdbRelay(0, lambda: connected(tmp_path / "gdb"))
    yield relay
    relay.close()


@pytest.fixture
def client(relay: GdbRelay) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", relay.port), timeout=10) as client:
        yield client


@pytest.fixture
def vmm(tmp_path: Path, client: socket.socket) -> Iterator[socket.socket]:
    """Its socket comes after gdb has connected."""
    time.sleep(0.1)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "gdb"))
        listener.listen()
        listener.settimeout(10)
        vmm = listener.accept()[0]
    with vmm:
        vmm.settimeout(10)
        yield vmm


def test_bytes_go_both_ways(client: socket.socket, vmm: socket.socket) -> None:
    for data in (b"+", b"\x03", bytes(range(256)) * 16):
        client.sendall(data)
        assert vmm.recv(len(data), socket.MSG_WAITALL) == data
        vmm.sendall(data[::-1])
        assert client.recv(len(data), socket.MSG_WAITALL) == data[::-1]


def test_gdb_sees_the_end_of_the_vmm(client: socket.socket, vmm: socket.socket) -> None:
    vmm.close()
    assert client.recv(1) == b""


def test_vmm_sees_the_end_of_gdb(client: socket.socket, vmm: socket.socket) -> None:
    client.close()
    assert vmm.recv(1) == b""


def test_relay_ends_whatever_it_waits_for(tmp_path: Path) -> None:
    begin = time.monotonic()
    GdbRelay(0, lambda: connected(tmp_path / "gdb")).close()
    relay = GdbRelay(0, lambda: connected(tmp_path / "gdb"))
    with socket.create_connection(("127.0.0.1", relay.port), timeout=10) as client:
        relay.close()
        with contextlib.suppress(ConnectionResetError):  # Where it was not accepted yet.
            assert client.recv(1) == b""
    assert time.monotonic() - begin < 5


def test_port_that_is_taken_is_one_line(relay: GdbRelay) -> None:
    with pytest.raises(UserError, match=f"The port {relay.port} for gdb"):
        require_free_port(relay.port)
