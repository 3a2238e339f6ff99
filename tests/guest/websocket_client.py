# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""A client of WebSocket (RFC 6455) and of WebREPL, as browsers and webrepl_cli.py are."""

import base64
import hashlib
import os
import socket
import struct
from types import TracebackType
from typing import Self

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
_PUT, _GET, _VERSION = 1, 2, 3


class WebSocket:
    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        key = base64.b64encode(os.urandom(16))
        connection.sendall(
            b"GET / HTTP/1.1\r\nHost: guest\r\nConnection: keep-alive, Upgrade\r\n"
            b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %b\r\n\r\n"
            % key
        )
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self._read(1)
        assert head.startswith(b"HTTP/1.1 101 ")
        accepted = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        assert b"Sec-WebSocket-Accept: " + base64.b64encode(accepted) + b"\r\n" in head

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.connection.close()

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self.connection.recv(size - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def frame(self, kind: int, data: bytes, last: bool = True, masked: bool = True) -> bytes:
        """One, as it is sent."""
        size = len(data)
        frame = bytes([last << 7 | kind])
        mask = os.urandom(4) if masked else b""
        if size < 126:
            frame += bytes([masked << 7 | size])
        else:
            frame += bytes([masked << 7 | 126]) + struct.pack("!H", size)
        if masked:
            data = bytes(byte ^ mask[i & 3] for i, byte in enumerate(data))
        return frame + mask + data

    def send(self, kind: int, data: bytes) -> None:
        self.connection.sendall(self.frame(kind, data))

    def receive(self) -> tuple[int, bytes]:
        """The kind and the content of the next frame. EOFError at the end."""
        first, size = self._read(2)
        assert first & 0xF0 == 0x80
        assert size <= 126, "masked, or long"
        if size == 126:
            (size,) = struct.unpack("!H", self._read(2))
        return first & 15, self._read(size)


class WebRepl(WebSocket):
    """Behind the password."""

    def __init__(self, connection: socket.socket, password: str) -> None:
        super().__init__(connection)
        self.shown = b""
        self.read_until(b"Password: ")
        self.send(BINARY, password.encode() + b"\r")  # As webrepl_cli.py does.
        self.read_until(b"\r\nWebREPL connected\r\n>>> ")

    def type(self, keys: bytes) -> None:
        self.send(TEXT, keys)

    def read_until(self, text: bytes) -> bytes:
        """What is shown up to its end."""
        while text not in self.shown:
            kind, data = self.receive()
            assert kind == TEXT
            data.decode()  # A browser ends the connection where a frame is no UTF-8.
            self.shown += data
        end = self.shown.index(text) + len(text)
        before, self.shown = self.shown[:end], self.shown[end:]
        return before

    def _header(self, kind: int, name: str, size: int = 0) -> bytes:
        path = name.encode()
        return struct.pack("<2sBBQIH64s", b"WA", kind, 0, 0, size, len(path), path)

    def _content(self) -> bytes:
        while True:
            kind, data = self.receive()
            if kind == BINARY:
                return data
            self.shown += data

    def result(self) -> int:
        data = self._content()
        assert data[:2] == b"WB"
        (number,) = struct.unpack("<H", data[2:])
        return int(number)

    def put(self, name: str, data: bytes) -> int:
        """The number of an error, or 0."""
        header = self._header(_PUT, name, len(data))
        self.send(BINARY, header[:10])
        self.send(BINARY, header[10:])
        error = self.result()
        if error:
            return error
        for at in range(0, len(data), 1024):
            self.send(BINARY, data[at : at + 1024])
        return self.result()

    def get(self, name: str) -> bytes | int:
        self.send(BINARY, self._header(_GET, name))
        error = self.result()
        if error:
            return error
        data = b""
        while True:
            self.send(BINARY, b"\0")
            piece = self._content()
            (size,) = struct.unpack("<H", piece[:2])
            assert size == len(piece) - 2
            if not size:
                return self.result() or data
            data += piece[2:]

    def ask_for(self, name: str, pieces: int) -> None:
        """As get(), without a look at what comes."""
        requests = self.frame(BINARY, b"\0") * pieces
        self.connection.sendall(self.frame(BINARY, self._header(_GET, name)) + requests)

    def version(self) -> tuple[int, ...]:
        self.send(BINARY, self._header(_VERSION, ""))
        return tuple(self._content())
