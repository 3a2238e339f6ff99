# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""A disk of zeros behind a socket, by NBD, that loses requests while it answers others.

The protocol: https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md, of it what QEMU
asks for.
"""

import socket
import struct
import threading
from pathlib import Path

_FIXED_NEWSTYLE, _NO_ZEROES = 1, 2
_OPT_GO = 7
_REP_ACK, _REP_INFO, _REP_ERR_UNSUP = 1, 3, 2**31 + 1
_HAS_FLAGS, _SEND_FLUSH = 1, 4
_OPTION = struct.Struct(">8sII")
_OPTION_REPLY = struct.Struct(">QIII")
_REQUEST = struct.Struct(">IHHQQI")
_REPLY = struct.Struct(">IIQ")
_REPLY_MAGIC = 0x67446698
_OPTION_REPLY_MAGIC = 0x3E889045565A9
_READ, _WRITE, _DISCONNECT = 0, 1, 2


class LosingDisk:
    """Listens at `path` for one QEMU, until that leaves."""

    def __init__(self, path: Path, size: int) -> None:
        self._size = size
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._lock = threading.Lock()  # Of all below.
        self._client: socket.socket | None = None
        self._lost_offset = -1
        self._lost: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def lose(self, offset: int) -> None:
        """All that is asked of there from now on."""
        with self._lock:
            self._lost_offset = offset

    def find(self) -> None:
        """Answer what was lost after all, and lose nothing more.

        QEMU resets a device when it has all answers.
        """
        with self._lock:
            assert self._client is not None
            self._lost_offset = -1
            for reply in self._lost:
                self._client.sendall(reply)
            self._lost.clear()

    def _serve(self) -> None:
        client, _ = self._listener.accept()
        with client, self._listener:
            self._client = client
            self._shake_hands(client)
            while self._answer(client):
                pass

    def _shake_hands(self, client: socket.socket) -> None:
        client.sendall(b"NBDMAGICIHAVEOPT" + struct.pack(">H", _FIXED_NEWSTYLE | _NO_ZEROES))
        _receive(client, 4)
        option = 0
        while option != _OPT_GO:
            _, option, length = _OPTION.unpack(_receive(client, _OPTION.size))
            _receive(client, length)
            if option != _OPT_GO:
                _reply_to_option(client, option, _REP_ERR_UNSUP)
        export = struct.pack(">HQH", 0, self._size, _HAS_FLAGS | _SEND_FLUSH)
        _reply_to_option(client, option, _REP_INFO, export)
        _reply_to_option(client, option, _REP_ACK)

    def _answer(self, client: socket.socket) -> bool:
        """False: it leaves."""
        header = _receive(client, _REQUEST.size)
        if not header:
            return False
        _, _, kind, handle, offset, length = _REQUEST.unpack(header)
        if kind == _DISCONNECT:
            return False
        if kind == _WRITE:
            _receive(client, length)
        reply = _REPLY.pack(_REPLY_MAGIC, 0, handle) + bytes(length if kind == _READ else 0)
        with self._lock:
            if offset == self._lost_offset:
                self._lost.append(reply)
            else:
                client.sendall(reply)
        return True


def _reply_to_option(client: socket.socket, option: int, kind: int, data: bytes = b"") -> None:
    client.sendall(_OPTION_REPLY.pack(_OPTION_REPLY_MAGIC, option, kind, len(data)) + data)


def _receive(client: socket.socket, length: int) -> bytes:
    """All of it; nothing, where the other side has left."""
    data = b""
    while len(data) < length:
        more = client.recv(length - len(data))
        if not more:
            return b""
        data += more
    return data
