# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The client side of QEMU's monitor protocol (QMP): JSON lines over a socket that is ours."""

import json
import select
import socket
import time
from collections.abc import Sequence
from typing import Any

from .base import VmmError

_TIMEOUT = 30.0


class Qmp:
    """One QMP connection over an already connected socket, which it owns from now on."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._socket.setblocking(False)
        self._received = b""
        self._closed = False
        self._events: list[dict[str, Any]] = []
        self._greeted = False

    def execute(self, command: str, **arguments: Any) -> Any:
        """Run one command and give what it returns; VmmError if QEMU refuses or is gone."""
        return self._execute(command, arguments)

    def give_file(self, name: str, fd: int) -> None:
        """Let QEMU have an open file, which it then knows by that name."""
        self._execute("getfd", {"fdname": name}, [fd])

    def events(self) -> list[dict[str, Any]]:
        """The events that came since the last call, oldest first; never waits."""
        while self._receive(0):
            pass
        while (message := self._take_message()) is not None:
            self._sort(message)
        events, self._events = self._events, []
        return events

    def close(self) -> None:
        self._socket.close()
        self._closed = True

    def _execute(self, command: str, arguments: dict[str, Any], fds: Sequence[int] = ()) -> Any:
        if not self._greeted:
            self._greeted = True
            self._next_reply(command)
            self.execute("qmp_capabilities")
        request = json.dumps({"execute": command, "arguments": arguments}).encode()
        try:
            # They come with the first byte.
            socket.send_fds(self._socket, [request[:1]], fds)
            self._socket.sendall(request[1:] + b"\n")
        except OSError:
            raise VmmError(f"QEMU has ended before it could do '{command}'.") from None
        reply = self._next_reply(command)
        if "error" in reply:
            raise VmmError(f"QEMU refuses '{command}': {reply['error'].get('desc')}")
        return reply["return"]

    def _next_reply(self, command: str) -> dict[str, Any]:
        deadline = time.monotonic() + _TIMEOUT
        while True:
            while (message := self._take_message()) is not None:
                if self._sort(message):
                    return message
            if self._closed:
                raise VmmError(f"QEMU has ended before it could do '{command}'.")
            if time.monotonic() > deadline:
                raise VmmError(f"QEMU does not answer to '{command}'.")
            self._receive(0.2)

    def _sort(self, message: dict[str, Any]) -> bool:
        """Keep an event for `events`; True for anything else: a greeting or a reply."""
        if "event" in message:
            self._events.append(message)
            return False
        return True

    def _take_message(self) -> dict[str, Any] | None:
        line, newline, rest = self._received.partition(b"\n")
        if not newline:
            return None
        self._received = rest
        message = json.loads(line)
        if not isinstance(message, dict):
            raise VmmError("QEMU's monitor sent something that is no QMP message.")
        return message

    def _receive(self, timeout: float) -> bool:
        """Wait for bytes; True if some came."""
        if self._closed or not select.select([self._socket], [], [], timeout)[0]:
            return False
        try:
            data = self._socket.recv(65536)
        except OSError:
            data = b""
        self._received += data
        self._closed = not data
        return bool(data)
