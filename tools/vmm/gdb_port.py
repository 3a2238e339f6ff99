# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The port of the loopback interface at which gdb reaches a guest."""

import os
import select
import socket
import threading
import time
from collections.abc import Callable

from ..errors import UserError

_CONNECT_TIMEOUT = 30.0
_CONNECT_INTERVAL = 0.05


def listen(port: int) -> socket.socket:
    """A socket that listens at the port (0: any free one); UserError if it cannot be had."""
    try:
        return socket.create_server(("127.0.0.1", port), backlog=1)
    except OSError as error:
        raise UserError(
            f"The port {port} for gdb cannot be had: {os.strerror(error.errno or 0)}.",
            "End the other guest that waits for gdb.",
        ) from None


def require_free_port(port: int) -> None:
    """UserError if nobody can listen at this port of the loopback interface."""
    listen(port).close()


class GdbRelay:
    """Makes Cloud Hypervisor's socket for gdb, a Unix socket that may lie in L1, such a port.

    Cloud Hypervisor takes one gdb in its life; when that leaves, the guest runs on.
    """

    def __init__(self, port: int, connect: Callable[[], socket.socket]) -> None:
        """`connect` gives a connection to the socket; it raises what it likes until there is one.
        UserError as `listen`."""
        self._connect = connect
        self._listener = listen(port)
        self.port: int = self._listener.getsockname()[1]
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._run, name="gdb relay", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the connection and the thread."""
        os.close(self._stop_write)
        self._thread.join()
        os.close(self._stop_read)

    def _run(self) -> None:
        with self._listener:
            if self._stop_read in _readable([self._listener, self._stop_read]):
                return
            gdb = self._listener.accept()[0]
        with gdb:
            gdb.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            vmm = self._reach()
            if vmm is not None:
                with vmm:
                    self._copy({gdb: vmm, vmm: gdb})

    def _reach(self) -> socket.socket | None:
        deadline = time.monotonic() + _CONNECT_TIMEOUT
        while time.monotonic() < deadline:
            try:
                return self._connect()
            except Exception:
                # Not there yet, or never will be: gdb's connection is closed then.
                if _readable([self._stop_read], _CONNECT_INTERVAL):
                    break
        return None

    def _copy(self, other: dict[socket.socket, socket.socket]) -> None:
        """What one end sends goes to the other, until one of them leaves."""
        try:
            while True:
                ready = _readable([*other, self._stop_read])
                if self._stop_read in ready:
                    return
                for end in other:
                    if end in ready:
                        data = end.recv(65536)
                        if not data:
                            return
                        other[end].sendall(data)
        except OSError:
            return


def _readable(
    ends: list[socket.socket | int], timeout: float | None = None
) -> list[socket.socket | int]:
    return select.select(ends, [], [], timeout)[0]
