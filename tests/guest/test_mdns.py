# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The machine's name in the domain local: told, given up where another one has it, asked for."""

import socket
import struct
import time
from collections.abc import Iterator

import pytest

from tests.guest.conftest import Boot
from tools.guest import Guest
from tools.lan import Lan
from tools.vmm.nic import Nic

HOST, GUEST = "192.168.77.1", "192.168.77.5"
GROUP, PORT = "224.0.0.251", 5353
A, ANY, IN = 1, 255, 1
IP = f"ip={GUEST}:::24::eth0:off"


@pytest.fixture
def nic(lan: Lan) -> Nic:
    return lan.add_tap("tap0", [f"{HOST}/24"])


@pytest.fixture
def multicast(lan: Lan, nic: Nic) -> Iterator[socket.socket]:
    """A responder's socket."""
    with lan.inside():
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with s:
        s.bind((GROUP, PORT))
        here = socket.inet_aton(HOST)
        s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP) + here)
        s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, here)
        s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
        s.settimeout(0.2)
        yield s


def labels(name: str) -> bytes:
    return b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"


def query(name: str) -> bytes:
    return struct.pack("!6H", 0, 0, 1, 0, 0, 0) + labels(name) + struct.pack("!HH", A, IN)


def answer(name: str, address: str) -> bytes:
    record = labels(name) + struct.pack("!HHIH", A, 0x8000 | IN, 120, 4) + socket.inet_aton(address)
    return struct.pack("!6H", 0, 0x8400, 0, 1, 0, 0) + record


def unicast_answer(query: bytes, address: str) -> bytes:
    """To one that asks once, as DNS does: RFC 6762, 6.7."""
    record = b"\xc0\x0c" + struct.pack("!HHIH", A, IN, 10, 4) + socket.inet_aton(address)
    question_end = query.index(b"\0", 12) + 5
    head = query[:2] + struct.pack("!5H", 0x8400, 1, 1, 0, 0)
    return head + query[12:question_end] + record


def says_where(packet: bytes, name: str) -> bool:
    """Whether it is a response that gives the guest's address to the name."""
    return (
        bool(packet[2] & 0x80) and labels(name)[:-1] in packet and socket.inet_aton(GUEST) in packet
    )


def resolved(multicast: socket.socket, name: str, seconds: float = 30) -> bool:
    """Whether somebody answers with the guest's address."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        multicast.sendto(query(name), (GROUP, PORT))
        try:
            while True:
                packet, (sender, _) = multicast.recvfrom(2000)
                if sender == GUEST and says_where(packet, name):
                    return True
        except TimeoutError:
            pass
    return False


def started(boot: Boot, nic: Nic, settings: str = "") -> Guest:
    guest = boot(nics=[nic], cmdline=f"{IP} {settings}".strip())
    guest.wait_for_prompt()
    return guest


def test_the_name_of_the_machine(boot: Boot, nic: Nic, multicast: socket.socket) -> None:
    guest = started(boot, nic, "hostname=web-1")
    assert resolved(multicast, "web-1.local")
    assert not resolved(multicast, "web-2.local", 1)
    guest.output_of("import network; network.hostname('web-2')")
    assert resolved(multicast, "web-2.local")
    assert guest.eval("6 * 7") == 42


def test_another_one_has_the_name(boot: Boot, nic: Nic, multicast: socket.socket) -> None:
    guest = started(boot, nic)
    until = time.monotonic() + 30
    taken = labels("micropython.local")[:-1]
    renamed = labels("micropython-2.local")[:-1]
    seen = False
    while time.monotonic() < until and not seen:
        try:
            packet, (sender, _) = multicast.recvfrom(2000)
        except TimeoutError:
            continue
        if sender == GUEST and taken in packet and not packet[2] & 0x80:  # It asks whether it may.
            multicast.sendto(answer("micropython.local", "192.168.77.66"), (GROUP, PORT))
        seen = sender == GUEST and renamed in packet
    assert seen
    assert resolved(multicast, "micropython-2.local")
    assert guest.eval("6 * 7") == 42


def test_another_machine_by_its_name(boot: Boot, nic: Nic, multicast: socket.socket) -> None:
    guest = started(boot, nic)
    code = "import socket; got = []\n"
    code += "def ask(): got.append(socket.getaddrinfo('printer.local', 9)[0][-1])\n"
    guest.output_of(code + "import _thread; _thread.start_new_thread(ask, ())")
    until = time.monotonic() + 30
    name = labels("printer.local")[:-1]
    while time.monotonic() < until and guest.eval("len(got)") == 0:
        try:
            packet, sender = multicast.recvfrom(2000)
        except TimeoutError:
            continue
        if name in packet:
            multicast.sendto(unicast_answer(packet, "192.168.77.66"), sender)
    assert guest.eval("got") == [("192.168.77.66", 9)]


def test_a_program_has_the_port(boot: Boot, nic: Nic, multicast: socket.socket) -> None:
    """Then there is nothing of it; when it gives it back, from the next address on."""
    guest = boot(nics=[nic], cmdline="ip=off hostname=web-1")
    guest.wait_for_prompt()
    guest.output_of("import network, socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)")
    guest.output_of("s.bind(('0.0.0.0', 5353)); lan = network.LAN()")
    addresses = f"('{GUEST}', '255.255.255.0')"
    guest.output_of(f"lan.ipconfig(addr4={addresses})")
    assert not resolved(multicast, "web-1.local", 2)
    guest.output_of(f"s.close(); lan.ipconfig(addr4=None); lan.ipconfig(addr4={addresses})")
    assert resolved(multicast, "web-1.local")
    guest.output_of(f"lan.ipconfig(addr4=None); lan.ipconfig(addr4={addresses})")
    assert resolved(multicast, "web-1.local")


def test_nothing_of_it(boot: Boot, nic: Nic, multicast: socket.socket) -> None:
    guest = started(boot, nic, "mdns=off")
    assert guest.output_of("import guest; print(guest.connections())").count("udp") == 0
    assert not resolved(multicast, "micropython.local", 2)


def test_what_makes_no_sense(boot: Boot, nic: Nic, multicast: socket.socket) -> None:
    """Names that point to themselves, records that are longer than the packet, no packet."""
    guest = started(boot, nic, "hostname=web-1")
    assert resolved(multicast, "web-1.local")
    head = struct.pack("!6H", 0, 0, 1, 0, 0, 0)
    rude = [
        head + b"\xc0\x0c" + struct.pack("!HH", A, IN),
        head + b"\x3fabc",
        head + b"\xff" * 600,
        struct.pack("!6H", 0, 0, 65535, 65535, 65535, 65535) + labels("web-1.local"),
        answer("web-1.local", "1.2.3.4")[:-3],
        struct.pack("!6H", 0, 0x8400, 0, 1, 0, 0)
        + labels("web-1.local")
        + b"\0\1\0\1\0\0\0\1\xff\xff",
        query("web-1.local")[:11],
        b"",
    ]
    for packet in rude * 20:
        multicast.sendto(packet, (GROUP, PORT))
    assert resolved(multicast, "web-1.local")
    assert guest.eval("6 * 7") == 42
