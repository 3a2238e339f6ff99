# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""A guest's serial line through pyserial: a pty or a `socket://` address, read as bytes come.

pyserial's own `read` waits for a number of bytes; here a read gives what there is.
"""

import os
import select
import socket
import time

import serial
from serial.urlhandler import protocol_socket


class LineClosed(Exception):
    """The other end of the serial line is gone."""


class _Socket(protocol_socket.Serial):
    """pyserial's socket, but prompt: it loses nothing on open, and does not sleep on close."""

    _socket: socket.socket

    def open(self) -> None:
        super().open()
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def reset_input_buffer(self) -> None:
        """`open` calls this to forget what came before: the guest's first words."""

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            self._socket.close()


class SerialLine:
    """One open serial line. Not for use by several threads at a time."""

    def __init__(self, url: str) -> None:
        """Open `url`. LineClosed if nobody is there."""
        try:
            if url.startswith("socket://"):
                self._port: serial.SerialBase = _Socket(url)
            else:
                self._port = serial.serial_for_url(url, exclusive=False)
        except serial.SerialException as error:
            raise LineClosed(str(error)) from None

    def fileno(self) -> int:
        return int(self._port.fileno())

    def read(self, timeout: float) -> bytes:
        """What has arrived, at most 64 KiB; waits up to `timeout` seconds, then gives b""."""
        if not select.select([self], [], [], timeout)[0]:
            return b""
        try:
            data = os.read(self.fileno(), 65536)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise LineClosed(error.strerror) from None
        if not data:
            raise LineClosed("end of file")
        return data

    def write(self, data: bytes, timeout: float) -> None:
        """Send all of `data`; TimeoutError if the other end does not take it in time."""
        deadline = time.monotonic() + timeout
        rest = memoryview(data)
        while rest:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([], [self], [], left)[1]:
                raise TimeoutError(f"{len(rest)} of {len(data)} bytes could not be sent")
            rest = rest[self.write_some(rest) :]

    def write_some(self, data: bytes | memoryview) -> int:
        """Send as much of `data` as the other end takes now; gives how many bytes."""
        if not select.select([], [self], [], 0)[1]:
            return 0
        try:
            return os.write(self.fileno(), data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise LineClosed(error.strerror) from None

    def close(self) -> None:
        self._port.close()
