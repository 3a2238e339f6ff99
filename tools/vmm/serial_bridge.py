# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Makes a guest's serial line, a Unix socket of Cloud Hypervisor, a port of the loopback interface.

pyserial and mpremote do not know Unix sockets. Cloud Hypervisor's pty would do, but it looks only
twice a second whether somebody has opened it, and gives a new one after each reset. l1_agent/run.c
does the same for the nested back end.
"""

import contextlib
import os
import select
import socket
import threading
from pathlib import Path

_CONNECT_INTERVAL = 0.01
_KEEP_MAX = 64 << 20


class SerialBridge:
    """One thread that copies bytes between the Unix socket and one TCP client at a time.

    Output is kept for the first client; later, what comes while there is no client is dropped.
    """

    def __init__(self, path: Path, follow_resets: bool) -> None:
        """`path` is listened at already. With `follow_resets` it is connected to again and again;
        else its end is the end of the line."""
        self._path = path
        self._follow_resets = follow_resets
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1)
        self._stop_read, self._stop_write = os.pipe()
        self._guest: socket.socket | None = self._connect()
        self._client: socket.socket | None = None
        self._had_client = False
        self._to_client = b""
        self._to_guest = b""
        self.port: int = self._listener.getsockname()[1]
        """Where the line can be reached, on 127.0.0.1."""
        self._thread = threading.Thread(target=self._run, name="serial bridge", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the line and the thread."""
        os.close(self._stop_write)
        self._thread.join()
        os.close(self._stop_read)

    def _connect(self) -> socket.socket | None:
        guest = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            guest.connect(str(self._path))
        except OSError:
            guest.close()
            return None
        guest.setblocking(False)
        return guest

    def _run(self) -> None:
        with contextlib.ExitStack() as stack:
            stack.callback(self._close_all)
            while self._turn():
                pass

    def _close_all(self) -> None:
        for end in (self._listener, self._client, self._guest):
            if end is not None:
                end.close()

    def _turn(self) -> bool:
        """Move what can be moved; False at the end."""
        if self._guest is None and self._follow_resets:
            self._guest = self._connect()
        if self._guest is None and not self._follow_resets and not self._to_client:
            return False
        waits = self._guest is None and self._follow_resets
        readable, writable, _ = select.select(
            self._wanted_inputs(), self._wanted_outputs(), [], _CONNECT_INTERVAL if waits else None
        )
        if self._stop_read in readable:
            return False
        if self._listener in readable:
            self._client = self._listener.accept()[0]
            self._client.setblocking(False)
            self._client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._had_client = True
        if self._guest in readable:
            self._read_guest()
        if self._client in readable:
            self._read_client()
        if self._client in writable:
            self._to_client = self._write(self._client, self._to_client)
        if self._guest in writable:
            self._to_guest = self._write(self._guest, self._to_guest)
        return True

    def _wanted_inputs(self) -> list[int | socket.socket]:
        wanted: list[int | socket.socket] = [self._stop_read]
        if self._client is None:
            wanted.append(self._listener)
        elif not self._to_guest:
            wanted.append(self._client)
        if self._guest is not None and len(self._to_client) < _KEEP_MAX:
            wanted.append(self._guest)
        return wanted

    def _wanted_outputs(self) -> list[socket.socket]:
        wanted = []
        if self._client is not None and self._to_client:
            wanted.append(self._client)
        if self._guest is not None and self._to_guest:
            wanted.append(self._guest)
        return wanted

    def _read_guest(self) -> None:
        assert self._guest is not None
        data = _read(self._guest)
        if not data:
            self._guest.close()
            self._guest = None
        elif self._client is not None or not self._had_client:
            self._to_client += data

    def _read_client(self) -> None:
        assert self._client is not None
        data = _read(self._client)
        if not data:
            self._client.close()
            self._client = None
            self._to_client = self._to_guest = b""
        self._to_guest += data

    @staticmethod
    def _write(end: socket.socket | None, data: bytes) -> bytes:
        """Write what the socket takes; gives the rest. Its end shows when it is next read."""
        assert end is not None
        try:
            return data[end.send(data) :]
        except BlockingIOError:
            return data
        except OSError:
            return b""


def _read(end: socket.socket) -> bytes:
    """What there is, b"" at the end."""
    try:
        return end.recv(65536)
    except OSError:
        return b""
