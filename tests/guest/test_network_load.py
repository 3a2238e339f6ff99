# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""A server under load: many requests after one another, many connections at once. Nothing is lost,
memory does not grow, and the prompt answers all the while."""

import errno
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.guest.conftest import Boot
from tools.guest import Guest
from tools.lan import Lan

ADDRESS = "192.168.77.5"
REQUESTS, WARM_UP, CLIENTS = 10_000, 2_000, 8
GROWTH_MOST = 256 << 10
"""Bytes: what is given back a while later, such as connections in TIME-WAIT, comes and goes."""

SERVER = """
import _thread, asyncio, gc, guest, threading
served = 0
listens = threading.Event()
async def serve(reader, writer):
    global served
    while (await reader.readline()).strip(): pass
    writer.write(b'HTTP/1.0 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nhello')
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    served += 1
async def talk(reader, writer):
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()
    writer.close()
    await writer.wait_closed()
async def main():
    await asyncio.start_server(serve, '', 80, backlog=100)
    await asyncio.start_server(talk, '', 7000, backlog=250)
    listens.set()
    while True: await asyncio.sleep(60)
def memory():
    gc.collect()
    gc.collect()
    return gc.mem_alloc(), guest.memory().pages.network
_thread.start_new_thread(asyncio.run, (main(),))
listens.wait()
"""


def server(boot: Boot, lan: Lan) -> Guest:
    nic = lan.add_tap("tap0", ["192.168.77.1/24"])
    guest = boot(nics=[nic], cmdline=f"ip={ADDRESS}:::24::eth0:off", cpus=2)
    guest.wait_for_prompt()
    guest.output_of(SERVER)
    return guest


def ask(lan: Lan, count: int) -> list[str]:
    """So many requests, each on a connection of its own; what failed."""
    failed = []
    with lan.inside():
        for _ in range(count):
            try:
                with socket.create_connection((ADDRESS, 80), 60) as connection:
                    connection.sendall(b"GET / HTTP/1.0\r\nHost: guest\r\n\r\n")
                    answer = b""
                    while data := connection.recv(1000):
                        answer += data
                if not answer.endswith(b"\r\n\r\nhello"):
                    failed.append(repr(answer))
            except OSError as error:
                failed.append(repr(error))
    return failed


def while_it_answers(guest: Guest, *work: Callable[[], list[str]]) -> None:
    """The prompt answers while others work, of which nothing fails."""
    slowest = 0.0
    with ThreadPoolExecutor(len(work)) as pool:
        running = [pool.submit(one) for one in work]
        while not all(one.done() for one in running):
            start = time.monotonic()
            assert guest.eval("6 * 7") == 42
            slowest = max(slowest, time.monotonic() - start)
            time.sleep(0.2)
        failed = [text for one in running for text in one.result()]
    assert not failed, (len(failed), failed[:5])
    assert slowest < 2 * guest.vmm.slowness


def test_ten_thousand_requests(boot: Boot, lan: Lan) -> None:
    guest = server(boot, lan)

    def round(count: int) -> tuple[int, int]:
        each = count // CLIENTS
        while_it_answers(guest, *[lambda: ask(lan, each)] * CLIENTS)
        result: tuple[int, int] = guest.eval("memory()")
        return result

    heap, network = round(WARM_UP)
    heap_after, network_after = round(REQUESTS - WARM_UP)
    assert guest.eval("served") == REQUESTS
    assert heap_after - heap < GROWTH_MOST // 8, (heap, heap_after)
    assert network_after - network < GROWTH_MOST, (network, network_after)


def test_two_hundred_connections_at_once(boot: Boot, lan: Lan) -> None:
    guest = server(boot, lan)
    rounds, count = 5, 200

    def talk() -> list[str]:
        with lan.inside():
            connections = [socket.create_connection((ADDRESS, 7000), 60) for _ in range(count)]
        failed = []
        for round in range(rounds):
            for i, one in enumerate(connections):
                one.sendall(b"connection %d round %d\n" % (i, round))
            for i, one in enumerate(connections):
                expected = b"CONNECTION %d ROUND %d\n" % (i, round)
                answer = b""
                while len(answer) < len(expected) and (data := one.recv(100)):
                    answer += data
                if answer != expected:
                    failed.append(repr((i, round, answer)))
        for one in connections:
            one.close()
        return failed

    while_it_answers(guest, talk)
    before = guest.eval("memory()[1]")
    while_it_answers(guest, talk)
    assert guest.eval("memory()[1]") - before < GROWTH_MOST


def test_datagrams_wait_for_the_device(boot: Boot, lan: Lan) -> None:
    """Who sends more than it takes waits; who does not wait is told so."""
    guest = server(boot, lan)
    code = """
import errno, socket
to = ('192.168.77.1', 9)
def send(blocking):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setblocking(blocking)
        said = set()
        for _ in range(6000):
            try: said.add(s.sendto(bytes(1000), to))
            except OSError as e: said.add(errno.errorcode[e.errno])
        return said
print(send(True), send(False) <= {1000, 'EAGAIN'})
"""
    assert guest.output_of(code, 60 * guest.vmm.slowness) == "{1000} True\n"


def test_a_client_comes_back_with_the_same_port(boot: Boot, lan: Lan) -> None:
    """The guest closes first and is in TIME-WAIT, which gives way to a new connection."""
    server(boot, lan)
    for _ in range(20):
        start = time.monotonic()
        with _connected(lan, 40000) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert client.makefile("rb").read().endswith(b"hello")
        # Not sooner than a second later does it ask again.
        assert time.monotonic() - start < 0.9


def _connected(lan: Lan, port: int) -> socket.socket:
    """A connection from that port, as soon as the one before has ended here."""
    while True:
        with lan.inside():
            client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.settimeout(60)
        client.bind(("192.168.77.1", port))
        try:
            client.connect((ADDRESS, 80))
            return client
        except OSError as error:
            client.close()
            if error.errno != errno.EADDRNOTAVAIL:
                raise
