# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The host's side of what is counted by `./inv bench net`, for both guests: a program of its own.

A TCP connection begins with 8 bytes: a word of four letters, and a number. Then

    echo    the peer sends back what it gets, until the end
    give    it takes so many blocks, and answers with one byte
    take    it sends so many blocks, and waits for one byte

Datagrams come in bursts, so that none is lost for want of room: the last of a burst begins with 1,
and is answered with a short one. A short one, `more`, is answered with a burst.
"""

import contextlib
import socket
import struct
import threading

PORT = 7000
BLOCK = 64 << 10
DATAGRAM = 1448
BURST = 32


def serve(one: socket.socket) -> None:
    """A connection, until it ends."""
    with one, contextlib.suppress(ConnectionError):
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        word, count = struct.unpack("!4sI", one.recv(8, socket.MSG_WAITALL))
        if word == b"echo":
            while data := one.recv(BLOCK):
                one.sendall(data)
        elif word == b"give":
            left, buffer = count * BLOCK, bytearray(4 * BLOCK)
            while left and (got := one.recv_into(buffer)):
                left -= got
            one.sendall(b".")
        else:
            data = bytes(BLOCK)
            for _ in range(count):
                one.sendall(data)
            one.recv(1)


def answer_datagrams(one: socket.socket) -> None:
    """Never ends."""
    data = bytes(DATAGRAM)
    while True:
        got, where = one.recvfrom(2 * DATAGRAM)
        if got == b"more":
            for _ in range(BURST):
                one.sendto(data, where)
        elif got[0]:
            one.sendto(b".", where)


def main() -> None:
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("", PORT))
    threading.Thread(target=answer_datagrams, args=(datagrams,), daemon=True).start()
    with socket.create_server(("", PORT)) as listener:
        print("ready", flush=True)
        while True:
            one, _ = listener.accept()
            threading.Thread(target=serve, args=(one,), daemon=True).start()


if __name__ == "__main__":
    main()
