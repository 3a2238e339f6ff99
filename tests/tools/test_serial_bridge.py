# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The bridge between Cloud Hypervisor's serial socket and a port, with a VMM that is a socket."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tools.serial_line import LineClosed, SerialLine
from tools.vmm.serial_bridge import SerialBridge

TIMEOUT = 10.0


class Vmm:
    """The end of the serial line that the VMM has."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.listen()

    def listen(self) -> None:
        self._path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.settimeout(TIMEOUT)
        self._listener.bind(str(self._path))
        self._listener.listen()

    def accept(self) -> None:
        self.line, _ = self._listener.accept()
        self.line.settimeout(TIMEOUT)

    def close(self) -> None:
        self._listener.close()
        self.line.close()


@contextmanager
def bridged(path: Path, follow_resets: bool) -> Iterator[tuple[Vmm, SerialBridge]]:
    vmm = Vmm(path / "serial")
    bridge = SerialBridge(path / "serial", follow_resets)
    try:
        vmm.accept()
        yield vmm, bridge
    finally:
        bridge.close()
        vmm.close()


def line_to(bridge: SerialBridge) -> SerialLine:
    return SerialLine(f"socket://127.0.0.1:{bridge.port}")


def read(line: SerialLine, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = line.read(TIMEOUT)
        assert piece, f"only {data!r}"
        data += piece
    return data


def test_output_before_the_first_client_is_kept(tmp_path: Path) -> None:
    with bridged(tmp_path, False) as (vmm, bridge):
        vmm.line.sendall(b"early")
        line = line_to(bridge)
        vmm.line.sendall(b" and late")
        assert read(line, 14) == b"early and late"
        line.close()


def test_much_goes_both_ways(tmp_path: Path) -> None:
    data = bytes(range(256)) * 4096
    with bridged(tmp_path, False) as (vmm, bridge):
        line = line_to(bridge)
        echo = threading.Thread(target=lambda: vmm.line.sendall(vmm.line.recv(1) + data[1:]))
        echo.start()
        line.write(data, TIMEOUT)
        assert read(line, len(data)) == data
        echo.join()
        received = b""
        while len(received) < len(data) - 1:
            received += vmm.line.recv(65536)
        assert received == data[1:]
        line.close()


def test_end_of_the_machine_ends_the_line_after_its_last_byte(tmp_path: Path) -> None:
    with bridged(tmp_path, False) as (vmm, bridge):
        line = line_to(bridge)
        vmm.line.sendall(b"bye")
        vmm.line.close()
        assert read(line, 3) == b"bye"
        with pytest.raises(LineClosed):
            line.read(TIMEOUT)
        line.close()


def test_line_goes_on_over_a_reset(tmp_path: Path) -> None:
    with bridged(tmp_path, True) as (vmm, bridge):
        line = line_to(bridge)
        vmm.line.sendall(b"first")
        vmm.close()
        vmm.listen()
        vmm.accept()
        vmm.line.sendall(b"second")
        assert read(line, 11) == b"firstsecond"
        line.write(b"typed", TIMEOUT)
        assert vmm.line.recv(5) == b"typed"
        line.close()


def test_next_client_gets_no_old_output(tmp_path: Path) -> None:
    with bridged(tmp_path, False) as (vmm, bridge):
        first = line_to(bridge)
        vmm.line.sendall(b"for the first")
        assert read(first, 13) == b"for the first"
        first.close()
        second = line_to(bridge)
        second.write(b"hello", TIMEOUT)
        # When this has come the bridge knows the second client.
        assert vmm.line.recv(5) == b"hello"
        vmm.line.sendall(b"for the second")
        assert read(second, 14) == b"for the second"
        second.close()
