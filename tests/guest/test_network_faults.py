# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What a bad wire does to a connection: everything arrives, whole and in order, later."""

import contextlib
import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.guest.conftest import Boot
from tests.guest.lan import Lan
from tests.guest.wire import Faults, Wire
from tools.guest import Guest

ADDRESS, ADDRESS6 = "192.168.77.5", "fd00:77::5"
SIZE = 1 << 20

SERVER = """
import _thread, errno, gc, guest, hashlib, network, socket, time
def random_bytes(size, seed):
    out = bytearray()
    while len(out) < size:
        seed = hashlib.sha256(seed).digest()
        out += seed * 64
    return bytes(out[:size])
def serve(server):
    while True:
        one, _ = server.accept()
        _thread.start_new_thread(talk, (one,))
def talk(one):
    try:
        with one:
            size = int.from_bytes(one.read(4), 'big')
            _thread.start_new_thread(send, (one, size))
            sum, left, buffer = hashlib.sha256(), size, bytearray(65536)
            while left:
                got = one.recv_into(buffer, min(left, len(buffer)))
                if not got: raise OSError(errno.ECONNRESET)
                sum.update(memoryview(buffer)[:got]); left -= got
            while one not in sent: time.sleep_ms(5)
            one.sendall(sum.digest())
            one.recv(1)
    except OSError as e: ended.append(errno.errorcode.get(e.errno, e.errno))
    finally: sent.discard(one)
def send(one, size):
    try: one.sendall(random_bytes(size, b'guest'))
    finally: sent.add(one)
sent, ended = set(), []
for family, any in (socket.AF_INET, '0.0.0.0'), (socket.AF_INET6, '::'):
    server = socket.create_server((any, 7000), family=family, backlog=20)
    _thread.start_new_thread(serve, (server,))
ticks = 0
def tick():
    global ticks
    while True:
        ticks += 1
        time.sleep_ms(20)
_thread.start_new_thread(tick, ())
"""


def random_bytes(size: int, seed: bytes) -> bytes:
    """As the guest makes them."""
    out = bytearray()
    while len(out) < size:
        seed = hashlib.sha256(seed).digest()
        out += seed * 64
    return bytes(out[:size])


@pytest.fixture
def wire(lan: Lan) -> Iterator[Wire]:
    with Wire(lan, ["192.168.77.1/24", "fd00:77::1/64"]) as wire:
        yield wire


def served(boot: Boot, wire: Wire, **fields: object) -> Guest:
    guest = boot(nics=[wire.nic], cmdline=f"ip={ADDRESS}:::24::eth0:off", cpus=2, **fields)
    guest.wait_for_prompt()
    guest.output_of(SERVER)
    guest.output_of(f"network.LAN().ipconfig(addr6='{ADDRESS6}')")
    return guest


def exchange(lan: Lan, address: str = ADDRESS, size: int = SIZE) -> None:
    """So many bytes each way at the same time; the guest says what it has got."""
    ours, theirs = random_bytes(size, b"peer"), random_bytes(size, b"guest")
    with lan.connect(address, 7000, 90) as connection, ThreadPoolExecutor(1) as pool:
        sending = pool.submit(connection.sendall, size.to_bytes(4, "big") + ours)
        reader = connection.makefile("rb")
        assert hashlib.sha256(reader.read(size)).digest() == hashlib.sha256(theirs).digest()
        sending.result()
        assert reader.read(32) == hashlib.sha256(ours).digest()


@contextlib.contextmanager
def alive(guest: Guest) -> Iterator[None]:
    """While the body runs, threads of the guest run too, and afterwards the prompt answers."""
    before = guest.eval("(time.ticks_ms(), ticks)")
    yield
    after = guest.eval("(time.ticks_ms(), ticks)")
    assert (after[1] - before[1]) * 20 * 5 > after[0] - before[0]


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param(Faults(lost=0.02), id="lost"),
        pytest.param(Faults(doubled=0.1, late=0.1), id="doubled and late"),
        pytest.param(Faults(corrupted=0.02, cut_off=0.02), id="corrupted and cut off"),
        pytest.param(Faults(0.01, 0.02, 0.05, 0.01, 0.01), id="all"),
    ],
)
def test_all_arrives_whole(boot: Boot, lan: Lan, wire: Wire, faults: Faults) -> None:
    guest = served(boot, wire)
    wire.faults = faults
    with alive(guest):
        exchange(lan, ADDRESS)
    exchange(lan, ADDRESS6, SIZE // 4)
