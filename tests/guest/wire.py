# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""A bad wire between a guest and its peers: frames are lost, doubled, overtaken, corrupted, cut
off, by a seeded random; others are sent that no peer would send.

The guest is at one tap interface, which the peers of the namespace do not see; they are at another
one, and each frame between the two passes here. What a device was to do about a frame that the
guest sends, checksums and segments, is done first: frames on a wire are whole.
"""

import fcntl
import heapq
import itertools
import os
import random
import select
import socket
import struct
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tools.lan import Lan

GUEST, PEERS = "tap0", "wire0"
PEER_MAC = bytes.fromhex("02000000aa01")

# linux/if_tun.h, linux/if_packet.h, linux/if_ether.h
_TUNSETIFF = 0x400454CA
_IFF_TAP, _IFF_NO_PI = 0x0002, 0x1000
_SOL_PACKET, _PACKET_VNET_HDR, _PACKET_IGNORE_OUTGOING = 263, 15, 23
_ETH_P_ALL = 3

# The header of virtio-net without the count of buffers: virtio 1.2, 5.1.6.
_HEADER = struct.Struct("<BBHHHH")
_NEEDS_CSUM = 1
_TCPV4, _TCPV6, _ECN = 1, 4, 0x80
_ETHERNET = 14
_FIN_PSH = 0x09
_FRAME_MOST = 65536 + 64


@dataclass
class Faults:
    """How many of all frames have which fate: 0 to 1."""

    lost: float = 0
    doubled: float = 0
    late: float = 0
    """Others overtake them."""
    corrupted: float = 0
    """One byte is another."""
    cut_off: float = 0
    """The end is missing, or most of it."""


_LATE_BY = 0.004
"""Seconds."""


def checksum(data: bytes) -> int:
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    value = int.from_bytes(data, "big")
    return 0xFFFF - ((value % 0xFFFF or 0xFFFF) if value else 0)


class Wire:
    """Use it as a context manager: leaving it ends the wire. `addresses` are those of the peers."""

    def __init__(self, lan: Lan, addresses: Sequence[str], mtu: int = 1500, seed: int = 1) -> None:
        self.faults = Faults()
        self.is_cut = False
        """Nothing passes."""
        self.passed = 0
        """Frames, both ways."""
        self._random = random.Random(seed)
        self._late: list[tuple[float, int, int, bytes]] = []
        self._numbers = itertools.count()
        self.nic = lan.add_tap(GUEST, mtu=mtu)
        # The namespace itself does not answer there.
        lan.run("ip", "link", "set", GUEST, "arp", "off")
        with lan.inside():
            Path(f"/proc/sys/net/ipv6/conf/{GUEST}/disable_ipv6").write_text("1")
            self._guest = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
            self._guest.setsockopt(_SOL_PACKET, _PACKET_VNET_HDR, 1)
            self._guest.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
            self._guest.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
            self._guest.bind((GUEST, 0))
            self._guest.setblocking(False)
            self._peers = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
            request = struct.pack("16sH22x", PEERS.encode(), _IFF_TAP | _IFF_NO_PI)
            fcntl.ioctl(self._peers, _TUNSETIFF, request)
        lan.run("ip", "link", "set", PEERS, "address", PEER_MAC.hex(":"))
        lan.run("ip", "link", "set", PEERS, "mtu", str(mtu), "txqueuelen", "5000", "up")
        for address in addresses:
            nodad = ["nodad"] if ":" in address else []
            lan.run("ip", "address", "add", address, "dev", PEERS, *nodad)
        self.guest_mac = bytes.fromhex(self.nic.mac.replace(":", ""))
        self._ends, self._end = os.pipe()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._end)
        self._thread.join()
        os.close(self._ends)
        os.close(self._peers)
        self._guest.close()

    def send(self, frame: bytes) -> None:
        """To the guest, whatever it is: 14 bytes are the least that a VMM is given."""
        header = _HEADER.pack(0, 0, 0, 0, 0, 0)
        while True:
            try:
                self._guest.send(header + frame)
                return
            except BlockingIOError:
                select.select([], [self._guest], [])

    def _run(self) -> None:
        ends: list[Any] = [self._guest, self._peers, self._ends]
        while True:
            wait = max(0.0, self._late[0][0] - time.monotonic()) if self._late else None
            ready, _, _ = select.select(ends, [], [], wait)
            if self._ends in ready:
                return
            while self._late and self._late[0][0] <= time.monotonic():
                _, _, to, frame = heapq.heappop(self._late)
                self._give(to, frame)
            if self._guest in ready:
                self._take_of_guest()
            if self._peers in ready:
                frame = os.read(self._peers, _FRAME_MOST)
                self._pass(self._guest.fileno(), frame)

    def _take_of_guest(self) -> None:
        try:
            data = self._guest.recv(_FRAME_MOST)
        except OSError:  # It is down.
            return
        for frame in whole(data[: _HEADER.size], data[_HEADER.size :]):
            self._pass(self._peers, frame)

    def _pass(self, to: int, frame: bytes) -> None:
        faults, chance = self.faults, self._random.random
        if self.is_cut or chance() < faults.lost:
            return
        self.passed += 1
        if chance() < faults.corrupted:
            at = self._random.randrange(len(frame))
            flip = self._random.randrange(1, 256)
            frame = frame[:at] + bytes([frame[at] ^ flip]) + frame[at + 1 :]
        if chance() < faults.cut_off:
            frame = frame[: self._random.randrange(_ETHERNET, len(frame) + 1)]
        if chance() < faults.late:
            when = time.monotonic() + _LATE_BY
            heapq.heappush(self._late, (when, next(self._numbers), to, frame))
            return
        self._give(to, frame)
        if chance() < faults.doubled:
            self._give(to, frame)

    def _give(self, to: int, frame: bytes) -> None:
        try:
            if to == self._peers:
                os.write(self._peers, frame)
            else:
                self._guest.send(_HEADER.pack(0, 0, 0, 0, 0, 0) + frame)
        except OSError:  # It is full or down, or is no frame any more: on a wire that is lost.
            return


def whole(header: bytes, frame: bytes) -> list[bytes]:
    """The frames that a device makes of what it was given."""
    flags, gso, _, gso_size, start, offset = _HEADER.unpack(header)
    if gso & ~_ECN in (_TCPV4, _TCPV6):
        return _segments(frame, start, gso_size)
    if flags & _NEEDS_CSUM:
        at = start + offset
        sum = checksum(frame[start:])
        return [frame[:at] + sum.to_bytes(2, "big") + frame[at + 2 :]]
    return [frame]


def _segments(frame: bytes, tcp_at: int, size: int) -> list[bytes]:
    ip, is_4 = frame[_ETHERNET:tcp_at], frame[_ETHERNET] >> 4 == 4
    tcp = frame[tcp_at : tcp_at + (frame[tcp_at + 12] >> 4) * 4]
    payload = frame[tcp_at + len(tcp) :]
    (sequence,) = struct.unpack_from("!I", tcp, 4)
    (id,) = struct.unpack_from("!H", ip, 4)
    frames = []
    for index, at in enumerate(range(0, len(payload), size)):
        part = payload[at : at + size]
        is_last = at + size >= len(payload)
        flags = tcp[13] if is_last else tcp[13] & ~_FIN_PSH
        head = tcp[:4] + struct.pack("!I", (sequence + at) & 0xFFFFFFFF) + tcp[8:13]
        head += bytes([flags]) + tcp[14:16] + b"\0\0" + tcp[18:]
        length = len(head) + len(part)
        if is_4:
            pseudo = ip[12:20] + struct.pack("!HH", 6, length)
            new = ip[:2] + struct.pack("!HH", len(ip) + length, (id + index) & 0xFFFF)
            new += ip[6:10] + b"\0\0" + ip[12:]
            new = new[:10] + checksum(new).to_bytes(2, "big") + new[12:]
        else:
            pseudo = ip[8:40] + struct.pack("!II", length, 6)
            new = ip[:4] + struct.pack("!H", len(ip) - 40 + length) + ip[6:]
        sum = checksum(pseudo + head + part)
        head = head[:16] + sum.to_bytes(2, "big") + head[18:]
        frames.append(frame[:_ETHERNET] + new + head + part)
    return frames
