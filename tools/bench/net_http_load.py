# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Clients of an HTTP server, in one thread: a program of its own, `HOST PORT CLIENTS KEEP COUNT`.

Makes COUNT requests, by so many clients at a time; with KEEP 0 each has a connection of its own.
Prints `{"requests": answered, "failed": …, "seconds": …}`.
"""

import json
import selectors
import socket
import sys
import time

REQUEST = b"GET / HTTP/1.1\r\nHost: guest\r\n%b\r\n"
_TIMEOUT = 10.0


class Client:
    """One connection at a time."""

    def __init__(self, load: "Load") -> None:
        self._load = load
        self.answer = b""
        self.socket = self.connect()

    def connect(self) -> socket.socket:
        one = socket.socket()
        one.setblocking(False)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        one.connect_ex(self._load.address)
        self._load.selector.register(one, selectors.EVENT_WRITE, self)
        return one

    def ask(self) -> None:
        """The connection is there, or has failed."""
        self.answer = b""
        self._load.selector.modify(self.socket, selectors.EVENT_READ, self)
        self.socket.send(self._load.request)

    def hear(self) -> bool:
        """Something has come; whether the answer is there as a whole."""
        data = self.socket.recv(4096)
        self.answer += data
        if self._load.keeps:
            if not data:
                raise ConnectionResetError("the server has closed the connection")
            return self.answer.endswith(b".\n")
        if data:
            return False
        if not self.answer.startswith(b"HTTP/1.1 200") or not self.answer.endswith(b".\n"):
            raise ConnectionResetError("the answer is not whole")
        return True

    def leave(self) -> None:
        self._load.selector.unregister(self.socket)
        self.socket.close()


class Load:
    """What all clients share."""

    def __init__(self, host: str, port: int, keeps: bool) -> None:
        self.address = (host, port)
        self.keeps = keeps
        self.request = REQUEST % (b"" if keeps else b"Connection: close\r\n")
        self.selector = selectors.DefaultSelector()
        self.answered = self.failed = 0

    def run(self, clients: int, count: int) -> float:
        """Seconds."""
        begin = time.perf_counter()
        for _ in range(min(clients, count)):
            Client(self)
        left = count - len(self.selector.get_map())
        while self.selector.get_map():
            events = self.selector.select(_TIMEOUT)
            if not events:
                self.failed = count - self.answered
                break
            for key, mask in events:
                left -= self._step(key.data, mask, left > 0)
        return time.perf_counter() - begin

    def _step(self, client: Client, mask: int, more: bool) -> bool:
        """Whether a request was begun beside those at the start."""
        try:
            if mask & selectors.EVENT_WRITE:
                client.ask()
                return False
            if not client.hear():
                return False
            self.answered += 1
        except OSError:
            self.failed += 1
            client.leave()
            if more:
                Client(self)
            return more
        if self.keeps and more:
            client.ask()
        else:
            client.leave()
            if more:
                Client(self)
        return more


def main() -> None:
    host, port, clients, keep, count = sys.argv[1:]
    load = Load(host, int(port), keep == "1")
    seconds = load.run(int(clients), int(count))
    print(json.dumps({"requests": load.answered, "failed": load.failed, "seconds": seconds}))


if __name__ == "__main__":
    main()
