# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What a bad wire does to a connection: everything arrives, whole and in order, later."""

import contextlib
import hashlib
import socket
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.guest.conftest import Boot
from tests.guest.wire import Faults, Wire
from tools.guest import Guest
from tools.lan import Lan
from tools.vmm.qemu import Qemu

ADDRESS, ADDRESS6 = "192.168.77.5", "fd00:77::5"
SIZE = 1 << 20
KEPT_MOST = (8 << 20) + (512 << 10)
"""Bytes that may be kept for later: of them are the buffers of a device that joins segments, which
it has more of when it was busy."""

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
    assert (after[1] - before[1]) * 20 * 5 + 1000 > after[0] - before[0]


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


@pytest.mark.parametrize("mtu", [1280, 9000])
def test_other_mtus(boot: Boot, lan: Lan, mtu: int) -> None:
    with Wire(lan, ["192.168.77.1/24", "fd00:77::1/64"], mtu=mtu) as wire:
        served(boot, wire)
        wire.faults = Faults(lost=0.005)
        exchange(lan)
        exchange(lan, ADDRESS6, SIZE // 4)


def test_the_link_goes_during_a_transfer(boot: Boot, lan: Lan, wire: Wire) -> None:
    guest = served(boot, wire)
    wire.faults = Faults(late=0.3)  # It takes a while.
    monitor = guest.vmm.monitor if isinstance(guest.vmm, Qemu) else None

    def interrupt() -> None:
        time.sleep(0.1)
        if monitor is not None:
            monitor.execute("set_link", name="net0", up=False)
            assert guest.eval("(time.sleep_ms(300), network.LAN().status())[1]") == 0
            monitor.execute("set_link", name="net0", up=True)
            assert guest.eval("(time.sleep_ms(300), network.LAN().status())[1]") == 3
        lan.run("ip", "link", "set", "tap0", "down")
        time.sleep(0.5)
        lan.run("ip", "link", "set", "tap0", "up")
        time.sleep(0.2)
        wire.is_cut = True
        time.sleep(1)
        wire.is_cut = False

    with ThreadPoolExecutor(1) as pool:
        transfer = pool.submit(exchange, lan, ADDRESS, 2 * SIZE)
        interrupt()
        assert not transfer.done()
        transfer.result()
    exchange(lan, ADDRESS6, SIZE // 4)


PEERS = """
def memory():
    gc.collect()
    gc.collect()
    return guest.memory().pages.network
def listen(port, backlog, f):
    server = socket.create_server(('', port), backlog=backlog)
    def run():
        while True:
            one, _ = server.accept()
            _thread.start_new_thread(f, (one,))
    if f: _thread.start_new_thread(run, ())
    return server
data = random_bytes(1 << 20, b'guest')
def give(one):
    try:
        with one: one.sendall(data)
    except OSError as e: ended.append(errno.errorcode[e.errno])
def take(one):
    try:
        with one:
            time.sleep_ms(1500)
            one.sendall(hashlib.sha256(one.read()).digest())
    except OSError as e: ended.append(errno.errorcode[e.errno])
give_server, take_server = listen(7001, 200, give), listen(7002, 200, take)
"""


def test_peers_that_behave_badly(boot: Boot, lan: Lan, wire: Wire) -> None:
    guest = served(boot, wire)
    guest.output_of(PEERS)
    exchange(lan)
    before = guest.eval("memory()")
    with alive(guest):
        read_slowly_and_half_closed(lan)
        reset_connections(lan)
        have_connections_wait(guest, lan)
        exchange(lan)
    wait_for_memory(guest, before)


def read_slowly_and_half_closed(lan: Lan) -> None:
    """At both ends."""
    given, taken = random_bytes(SIZE, b"guest"), random_bytes(2 * SIZE, b"peer")
    with lan.inside():
        slow = socket.socket()
    with slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.settimeout(60)
        slow.connect((ADDRESS, 7001))
        slow.shutdown(socket.SHUT_WR)
        with lan.connect(ADDRESS, 7002, 60) as fast:
            fast.sendall(taken)
            fast.shutdown(socket.SHUT_WR)
            assert fast.makefile("rb").read() == _sha256(taken)
        assert _sha256(slow.makefile("rb").read()) == _sha256(given)


def reset_connections(lan: Lan) -> None:
    """Before and amid what is sent."""
    for port in (7001, 7002):
        for i in range(100):
            one = lan.connect(ADDRESS, port, 60)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if i % 2 and port == 7001:
                one.recv(1000)
            one.close()


def have_connections_wait(guest: Guest, lan: Lan) -> None:
    """Nobody accepts them, and there are more than may wait."""
    guest.output_of("never = listen(7003, 10, None)")
    with lan.inside():
        waiting = [socket.socket() for _ in range(50)]
    for one in waiting:
        one.setblocking(False)
        one.connect_ex((ADDRESS, 7003))
    exchange(lan)
    guest.output_of("for _ in range(10): never.accept()[0].close()")
    guest.output_of("never.close()")
    for one in waiting:
        one.close()


def wait_for_memory(guest: Guest, before: int, seconds: float = 30) -> None:
    """Until the network has no more than before, but for what is kept."""
    deadline = time.monotonic() + seconds
    while (now := guest.eval("memory()")) > before + KEPT_MOST:
        assert time.monotonic() < deadline, (before, now)
        time.sleep(0.5)


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
