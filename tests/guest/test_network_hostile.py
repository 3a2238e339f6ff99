# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Frames that no honest peer sends: floods, garbage, fragments that do not fit. The guest goes on,
serves others meanwhile, and has its memory back afterwards."""

import random
import socket
import struct
import time
from collections.abc import Callable

from tests.guest.conftest import Boot
from tests.guest.test_network_faults import (
    ADDRESS,
    ADDRESS6,
    PEERS,
    alive,
    exchange,
    served,
    wait_for_memory,
    wire,
)
from tests.guest.wire import PEER_MAC, Wire, checksum
from tests.guest.wire import PEERS as PEERS_WIRE
from tools.guest import Guest
from tools.lan import Lan

__all__ = ["wire"]

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58
HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION, NOTHING = 0, 43, 44, 60, 59

NETWORK_MOST = (8 + 4) << 20
"""Bytes that the network may need: the buffers of a busy device that joins segments, and the
rest."""


def ip4(address: str) -> bytes:
    return bytes(map(int, address.split(".")))


HERE4, GUEST4 = ip4("192.168.77.1"), ip4(ADDRESS)
HERE6 = bytes.fromhex("fd000077000000000000000000000001")
GUEST6 = bytes.fromhex("fd000077000000000000000000000005")


def packet4(
    payload: bytes, protocol: int, source: bytes = HERE4, id: int = 1, fragment: int = 0
) -> bytes:
    """An IPv4 packet; `fragment`: flags and offset as they stand in the header."""
    head = struct.pack("!BBHHHBB", 0x45, 0, 20 + len(payload), id, fragment, 64, protocol)
    sum = checksum(head + b"\0\0" + source + GUEST4)
    return head + sum.to_bytes(2, "big") + source + GUEST4 + payload


def packet6(payload: bytes, next: int, source: bytes = HERE6) -> bytes:
    return struct.pack("!IHBB", 6 << 28, len(payload), next, 64) + source + GUEST6 + payload


def segment(
    source: bytes,
    port: int,
    to: int,
    flags: int,
    sequence: int = 1000,
    ack: int = 0,
    window: int = 64000,
    data: bytes = b"",
) -> bytes:
    head = struct.pack("!HHIIBBHHH", port, to, sequence, ack, 5 << 4, flags, window, 0, 0)
    pseudo = source + GUEST4 + struct.pack("!HH", TCP, len(head) + len(data))
    return head[:16] + checksum(pseudo + head + data).to_bytes(2, "big") + head[18:] + data


def echo(size: int, type: int = 8) -> bytes:
    data = struct.pack("!BBHHH", type, 0, 0, 7, 7) + bytes(size)
    return data[:2] + checksum(data).to_bytes(2, "big") + data[4:]


class Attacker:
    """Sends to the guest what it is told to."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.random = random.Random(7)

    def send(self, packet: bytes, type: int = 0) -> None:
        kind = type or (0x86DD if packet[0] >> 4 == 6 else 0x0800)
        header = self.wire.guest_mac + PEER_MAC + kind.to_bytes(2, "big")
        self.wire.send(header + packet)

    def floods_of_syn(self) -> None:
        """From neighbours that are not there."""
        for i in range(4000):
            source = HERE4[:3] + bytes([100 + i % 100])
            port = 1024 + i
            self.send(packet4(segment(source, port, 7000, SYN, i), TCP, source))

    def resets_and_nonsense(self) -> None:
        for i in range(2000):
            flags, port = self.random.randrange(256), self.random.choice((7000, 7001, 80))
            self.send(packet4(segment(HERE4, 1024 + i, port, flags, i * 7919), TCP))

    def garbage(self) -> None:
        """Any bytes behind a header of each kind that is listened to."""
        for i in range(3000):
            size = self.random.randrange(200)
            data = self.random.randbytes(size)
            what = i % 6
            if what == 0:
                self.send(data, self.random.randrange(1, 0x10000))
            elif what == 1:
                self.send(b"\x45" + data, 0x0800)
            elif what == 2:
                self.send(packet4(data, self.random.choice((TCP, UDP, ICMP, 2))))
            elif what == 3:
                self.send(packet6(data, self.random.choice((TCP, UDP, ICMP6))))
            elif what == 4:
                self.send(data, 0x0806)
            else:
                self.send(b"\x60" + data, 0x86DD)

    def truncated(self) -> None:
        """Whole packets, at each length that is too short; headers that say more than there is."""
        syn = packet4(segment(HERE4, 2000, 7000, SYN), TCP)
        ping = packet4(echo(40), ICMP)
        for one in (syn, ping, packet6(echo(40, 128), ICMP6)):
            for size in range(len(one)):
                self.send(one[:size] or b"\0", 0x0800 if one[0] >> 4 == 4 else 0x86DD)
        for length in range(16):
            bad = bytes([0x40 | length]) + syn[1:]
            self.send(bad[:10] + b"\0\0" + bad[12:])
            offset = bytearray(segment(HERE4, 2000, 7000, SYN))
            offset[12] = length << 4
            self.send(packet4(bytes(offset), TCP))

    def options(self) -> None:
        """Of TCP and IPv4, with lengths that lead nowhere."""
        for _ in range(500):
            options = self.random.randbytes(40)
            head = segment(HERE4, 3000, 7000, SYN)
            head = head[:12] + bytes([15 << 4]) + head[13:16] + b"\0\0" + head[18:] + options
            pseudo = HERE4 + GUEST4 + struct.pack("!HH", TCP, len(head))
            head = head[:16] + checksum(pseudo + head).to_bytes(2, "big") + head[18:]
            self.send(packet4(head, TCP))
            self.send(b"\x4f" + packet4(options + echo(8), ICMP)[1:])

    def fragments(self) -> None:
        """That never become whole; that overlap; that are too long together."""
        more = 0x2000
        for i in range(1000):
            self.send(packet4(bytes(1400), UDP, id=i, fragment=more))
        for i in range(300):
            at = self.random.randrange(0x2000)
            flags = self.random.choice((0, more))
            size = self.random.choice((0, 1, 8, 100, 1480))
            self.send(packet4(bytes(size), ICMP, id=i % 7, fragment=flags | at))
        for at in (0, 100, 50, 185, 0):
            self.send(packet4(bytes(1480), UDP, id=9, fragment=more | at))
        self.send(packet4(bytes(1480), UDP, id=9, fragment=0x1FFF))
        for i in range(1000):
            head = struct.pack("!BBHI", UDP, 0, 1, i)
            self.send(packet6(head + bytes(1400), FRAGMENT))
        for i in range(300):
            offset = self.random.randrange(0x10000)
            head = struct.pack("!BBHI", self.random.choice((UDP, ICMP6, TCP)), 0, offset, i % 7)
            self.send(packet6(head + bytes(self.random.choice((0, 1, 8, 100, 1440))), FRAGMENT))

    def chains(self) -> None:
        """Of extension headers of IPv6: a long one, and random ones, some of which lead nowhere."""
        kinds = (HOP_BY_HOP, ROUTING, DESTINATION, FRAGMENT, NOTHING)
        long = b"".join(bytes([DESTINATION, 0]) + b"\x01\x04" + bytes(4) for _ in range(170))
        self.send(packet6(long + bytes([ICMP6, 0]) + b"\x01\x04" + bytes(4), DESTINATION))
        for _ in range(2000):
            chain, first = b"", self.random.choice(kinds)
            for _ in range(self.random.randrange(1, 8)):
                length = self.random.choice((0, 0, 0, 1, 5, 255))
                size = self.random.choice((6, 6 + 8 * min(length, 5)))
                next = self.random.choice((*kinds, ICMP6, TCP, UDP))
                chain += bytes([next, length]) + self.random.randbytes(size)
            self.send(packet6(chain, first))

    def neighbours(self) -> None:
        """More than fit into a table, by ARP and by neighbour discovery."""
        for i in range(1000):
            mac = b"\x02\x01\x01\x01" + i.to_bytes(2, "big")
            source = HERE4[:2] + i.to_bytes(2, "big")
            self.send(struct.pack("!HHBBH", 1, 0x800, 6, 4, 1) + mac + source + mac + GUEST4, 0x806)
            source6 = HERE6[:14] + (i + 0x100).to_bytes(2, "big")
            body = struct.pack("!BBHI", 135, 0, 0, 0) + GUEST6 + b"\x01\x01" + mac
            pseudo = source6 + GUEST6 + struct.pack("!II", len(body), ICMP6)
            body = body[:2] + checksum(pseudo + body).to_bytes(2, "big") + body[4:]
            whole = packet6(body, ICMP6, source6)
            self.send(whole[:7] + b"\xff" + whole[8:])


class Stranger:
    """One end of a connection that keeps to no rule. Its address is nobody's else."""

    MAC, ADDRESS = b"\x02\x01\x01\x01\x00\x01", HERE4[:3] + b"\xc8"
    FIRST, WINDOW, MSS = 5000, 65535, 1460

    def __init__(self, lan: Lan, wire: Wire, to: int, port: int = 3000, window: int = WINDOW):
        self.wire, self.to, self.port, self.window = wire, to, port, window
        self.sequence = 0
        """Of the byte that it sends next; from 1, as SYN is 0."""
        with lan.inside():
            self.heard = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
            self.heard.bind((PEERS_WIRE, 0))
        self.heard.settimeout(20)
        arp = struct.pack("!HHBBH", 1, 0x800, 6, 4, 1) + self.MAC + self.ADDRESS + self.MAC + GUEST4
        self._send(arp, 0x0806)
        self.acknowledged = 0

    def __enter__(self) -> "Stranger":
        self.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self.heard.close()

    def _send(self, packet: bytes, kind: int) -> None:
        self.wire.send(self.wire.guest_mac + self.MAC + kind.to_bytes(2, "big") + packet)

    def connect(self) -> None:
        self.say(self.sequence, SYN)
        flags, sequence, ack, _ = self.hear(SYN)
        assert flags & ACK and ack == self.FIRST + self.sequence + 1
        self.acknowledged = sequence + 1
        self.sequence += 1
        self.say(self.sequence)

    def say(self, sequence: int, flags: int = 0, data: bytes = b"") -> None:
        flags |= 0 if flags & SYN else ACK
        at = self.FIRST + sequence
        one = segment(
            self.ADDRESS, self.port, self.to, flags, at, self.acknowledged, self.window, data
        )
        self._send(packet4(one, TCP, self.ADDRESS), 0x0800)

    def fill(self, size: int) -> None:
        """Sends what is next."""
        for at in range(0, size, self.MSS):
            self.say(self.sequence + at, data=bytes(min(self.MSS, size - at)))
        self.sequence += size

    def hear(self, flag: int = 0) -> tuple[int, int, int, bytes]:
        """The next segment with the flag, or with data: its flags, numbers and data."""
        while True:
            frame = self.heard.recv(2000)
            packet = frame[14 : 14 + int.from_bytes(frame[16:18], "big")]
            tcp = packet[20:]
            if packet[9] != TCP or packet[16:20] != self.ADDRESS:
                continue
            port, sequence, ack = struct.unpack_from("!2xHII", tcp)
            data = tcp[(tcp[12] >> 4) * 4 :]
            if port == self.port and (tcp[13] & flag if flag else data):
                return tcp[13], sequence, ack, data


def test_data_beyond_the_window(boot: Boot, lan: Lan, wire: Wire) -> None:
    guest = served(boot, wire)
    guest.output_of("quiet = socket.create_server(('0.0.0.0', 7001), backlog=20)")
    with Stranger(lan, wire, 7001) as one, alive(guest):
        last = one.WINDOW - 1
        one.say(one.sequence + last, data=bytes(1000))
        one.fill(last)
    exchange(lan, size=1000)


def test_data_behind_the_end(boot: Boot, lan: Lan, wire: Wire) -> None:
    guest = served(boot, wire)
    guest.output_of("quiet = socket.create_server(('0.0.0.0', 7001), backlog=20)")
    with Stranger(lan, wire, 7001) as one, alive(guest):
        one.fill(one.WINDOW - 1000)
        one.say(one.sequence + 500, FIN)
        one.fill(1000)
    exchange(lan, size=1000)


def test_a_closed_window_that_took_all(boot: Boot, lan: Lan, wire: Wire) -> None:
    guest = served(boot, wire)
    code = "def say(): said.append(said[0].accept()[0]); said[1].send(b'x')\n"
    code += "said = [socket.create_server(('0.0.0.0', 7001), backlog=20)]\n"
    guest.output_of(code + "_thread.start_new_thread(say, ())")
    with Stranger(lan, wire, 7001, window=0) as one, alive(guest):
        _, sequence, _, data = one.hear()
        assert data == b"x"
        one.acknowledged = sequence + 1
        one.say(one.sequence)
        time.sleep(1 * guest.vmm.slowness)
    exchange(lan, size=1000)


def test_a_socket_whose_connection_gives_way_to_another(boot: Boot, lan: Lan, wire: Wire) -> None:
    """Both have ended it, and the socket is open still."""
    guest = served(boot, wire)
    code = (
        "def end():\n  one = server.accept()[0]; one.shutdown(socket.SHUT_WR); kept.append(one)\n"
    )
    code += "server = socket.create_server(('0.0.0.0', 7001), backlog=20); kept = []\n"
    code += "def ends():\n  while True: end()\n"
    guest.output_of(code + "_thread.start_new_thread(ends, ())")
    with Stranger(lan, wire, 7001) as one, alive(guest):
        for _ in range(20):
            _, sequence, _, _ = one.hear(FIN)
            one.acknowledged = sequence + 1
            one.fill(100)
            one.say(one.sequence, FIN)
            one.sequence += 1000
            one.connect()
        one.hear(FIN)
        assert guest.eval("[len(one.read(1000)) for one in kept[:-1]]") == [100] * 20
        assert guest.eval("[one.close() for one in kept]") == [None] * 21
    exchange(lan, size=1000)


def test_frames_that_no_honest_peer_sends(boot: Boot, lan: Lan, wire: Wire) -> None:
    guest = served(boot, wire)
    guest.output_of(PEERS)
    exchange(lan, size=1 << 18)
    exchange(lan, ADDRESS6, 1000)
    before = guest.eval("memory()")
    attacker = Attacker(wire)
    attacks: list[Callable[[], None]] = [
        attacker.resets_and_nonsense,
        attacker.garbage,
        attacker.truncated,
        attacker.options,
        attacker.fragments,
        attacker.chains,
        attacker.neighbours,
        attacker.floods_of_syn,
    ]
    for attack in attacks:
        with alive(guest):
            attack()
            assert guest.eval("memory()") < NETWORK_MOST
        # Others are served, at once.
        start = time.monotonic()
        exchange(lan, size=1000)
        exchange(lan, ADDRESS6, 1000)
        took = time.monotonic() - start
        assert took < 2 * guest.vmm.slowness, (attack.__name__, took)
    # All of it is over after a while; fragments of IPv6 may come for a minute.
    wait_for_memory(guest, before + (200 << 10), 40)


def test_others_connect_during_a_flood(boot: Boot, lan: Lan, wire: Wire) -> None:
    guest = served(boot, wire)
    attacker = Attacker(wire)
    attacker.floods_of_syn()
    slowest = max(_connect(guest, lan, attacker, i) for i in range(20))
    # A SYN that is lost in the flood is sent again after one second and after two more.
    assert slowest < 3.5 * guest.vmm.slowness


def _connect(guest: Guest, lan: Lan, attacker: Attacker, round: int) -> float:
    for i in range(300):
        source = HERE4[:3] + bytes([100 + i % 100])
        port = 10_000 + round * 300 + i
        attacker.send(packet4(segment(source, port, 7000, SYN, i), TCP, source))
    start = time.monotonic()
    exchange(lan, size=100)
    return time.monotonic() - start
