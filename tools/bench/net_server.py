# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The servers in our guest of `./inv bench net`: HTTP by asyncio and by plain sockets, and TLS.

For MicroPython. `serve_all` runs them in as many interpreters as there are to be, which accept from
the same listening sockets.
"""

import _thread
import asyncio
import socket
import ssl
import time
from asyncio.stream import Server
from concurrent import interpreters

ASYNCIO_PORT, PLAIN_PORT, TLS_PORT = 8001, 8002, 8003
BACKLOG = 128
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\nHello from the guest.\n"


async def handle(reader, writer):
    keeps = True
    while keeps and await reader.readline():
        while (line := await reader.readline()) not in (b"\r\n", b""):
            if line.lower() == b"connection: close\r\n":
                keeps = False
        writer.write(ANSWER)
        await writer.drain()
    writer.close()
    await writer.wait_closed()


async def serve_asyncio(listener):
    listener.setblocking(False)
    server = Server()
    server.task = asyncio.create_task(server._serve(listener, handle, None))
    await server.task


def answer(one):
    keeps = True
    with one:
        while keeps and (data := one.recv(2048)):
            while b"\r\n\r\n" not in data:
                data += one.recv(2048)
            keeps = b"\r\nconnection: close\r\n" not in data.lower()
            one.sendall(ANSWER)


def serve_plain(listener):
    while True:
        _thread.start_new_thread(answer, (listener.accept()[0],))


def serve_tls(listener, certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    while True:
        plain, _ = listener.accept()
        try:
            secure = context.wrap_socket(plain, server_side=True)
            secure.write(b"." + secure.read(1))
            secure.close()
        except OSError:  # The client has left.
            pass
        plain.close()


def serve(by_asyncio, plain, ready):
    """In an interpreter; does not return."""
    _thread.start_new_thread(serve_plain, (plain,))
    ready.put(None)
    asyncio.run(serve_asyncio(by_asyncio))


def listen(port):
    return socket.create_server(("", port), backlog=BACKLOG)


def serve_all(program, count):
    """With `count` interpreters; `program`: this one. Returns when all is ready."""
    by_asyncio, plain = listen(ASYNCIO_PORT), listen(PLAIN_PORT)
    ready = interpreters.create_queue()
    for _ in range(count - 1):
        one = interpreters.create()
        one.exec(program)
        one.call_in_thread(serve, by_asyncio, plain, ready)
    _thread.start_new_thread(serve, (by_asyncio, plain, ready))
    for _ in range(count):
        ready.get()
    time.sleep_ms(100)
