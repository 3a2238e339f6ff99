# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Frames for fuzz_lwip to begin with: its machine is 10.0.0.5, with the MAC 02:00:00:00:00:05."""

import struct

HERE, PEER = bytes([10, 0, 0, 5]), bytes([10, 0, 0, 1])
MAC, PEER_MAC = bytes.fromhex("020000000005"), bytes.fromhex("020000000001")
HERE6 = bytes.fromhex("fe80000000000000000000fffe000005")
PEER6 = bytes.fromhex("fe80000000000000000000fffe000001")
BROADCAST = b"\xff" * 6
ICMP, IGMP, TCP, UDP, ICMP6, FRAGMENT = 1, 2, 6, 17, 58, 44
FIN, SYN, PSH, ACK = 1, 2, 8, 16


def record(frame: bytes) -> bytes:
    return struct.pack("<BH", 0, len(frame)) + frame


def passing(ms: int) -> bytes:
    return struct.pack("<BH", 2, ms)


def action(data: bytes) -> bytes:
    return struct.pack("<BH", 3, len(data)) + data


def ethernet(kind: int, payload: bytes, to: bytes = MAC) -> bytes:
    return to + PEER_MAC + struct.pack("!H", kind) + payload


def ip4(protocol: int, payload: bytes, to: bytes = HERE, offset: int = 0) -> bytes:
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, offset, 64, protocol, 0)
    return ethernet(0x0800, head + PEER + to + payload, BROADCAST if to[0] > 223 else MAC)


def ip6(following: int, payload: bytes, to: bytes = HERE6) -> bytes:
    head = struct.pack("!IHBB", 6 << 28, len(payload), following, 255)
    return ethernet(0x86DD, head + PEER6 + to + payload)


def udp(source: int, dest: int, payload: bytes) -> bytes:
    return struct.pack("!HHHH", source, dest, 8 + len(payload), 0) + payload


def tcp(
    flags: int, seq: int, ack: int, payload: bytes = b"", options: bytes = b"", port: int = 4000
) -> bytes:
    words = 5 + len(options) // 4
    head = struct.pack("!HHIIBBHHH", port, 7, seq, ack, words << 4, flags, 8000, 0, 0)
    return head + options + payload


def name(text: str) -> bytes:
    return b"".join(bytes([len(part)]) + part.encode() for part in text.split(".")) + b"\0"


def dns(flags: int, counts: tuple[int, int, int, int], rest: bytes) -> bytes:
    return struct.pack("!6H", 0, flags, *counts) + rest


def dhcp(kind: int) -> bytes:
    """An offer, or an acknowledgement, of 10.0.0.5."""
    head = struct.pack("!4BIHH", 2, 1, 6, 0, 0, 0, 0) + bytes(4) + HERE + PEER + bytes(4)
    options = bytes([53, 1, kind, 54, 4]) + PEER + bytes([51, 4, 0, 0, 0, 120, 1, 4, 255, 255, 255])
    options += bytes([0, 3, 4]) + PEER + bytes([6, 4]) + PEER + b"\xff"
    return head + MAC + bytes(10 + 192) + bytes.fromhex("63825363") + options


def connection() -> list[bytes]:
    """A client of the echo: the machine's numbers begin with 0x1000."""
    options = bytes([2, 4, 5, 0xB4, 4, 2, 1, 3, 3, 7, 1, 1])
    return [
        ip4(TCP, tcp(SYN, 100, 0, options=options)),
        ip4(TCP, tcp(ACK, 101, 0x1001)),
        ip4(TCP, tcp(ACK | PSH, 101, 0x1001, b"hello")),
        ip4(TCP, tcp(ACK | PSH, 116, 0x1006, b"ahead of others")),
        ip4(TCP, tcp(ACK | PSH, 106, 0x1006, b"in between")),
        ip4(TCP, tcp(ACK | FIN, 131, 0x1006)),
    ]


def kept_connection() -> list[bytes]:
    """Records: both ends close it, and the program keeps its socket. It is in TIME-WAIT then."""
    return [
        record(ip4(TCP, tcp(SYN, 100, 0, port=4001))),
        record(ip4(TCP, tcp(ACK, 101, 0x1001, port=4001))),
        action(b"\3"),
        record(ip4(TCP, tcp(ACK | FIN, 101, 0x1002, port=4001))),
    ]


def reopened() -> bytes:
    return record(ip4(TCP, tcp(SYN, 1000, 0, port=4001)))


def frames() -> list[bytes]:
    question = name("micropython.local") + struct.pack("!HH", 255, 1)
    answer = name("micropython.local") + struct.pack("!HHIH", 1, 0x8001, 120, 4) + PEER
    arp = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + PEER_MAC + PEER + bytes(6) + HERE
    prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 3600, 3600, 0)
    prefix += bytes.fromhex("fd000077") + bytes(12)
    router = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + prefix + bytes([1, 1])
    group = bytes([224, 0, 0, 251])
    return [
        ethernet(0x0806, arp, BROADCAST),
        ip4(ICMP, struct.pack("!BBHHH", 8, 0, 0, 1, 1) + b"echo"),
        ip4(UDP, udp(4000, 7, b"echo")),
        ip4(UDP, udp(4000, 7, bytes(16))[:16], offset=0x2000),
        ip4(UDP, bytes(24), offset=2),
        ip4(IGMP, bytes([0x11, 100, 0, 0, 0, 0, 0, 0]), bytes([224, 0, 0, 1])),
        ip4(UDP, udp(5353, 5353, dns(0, (1, 0, 0, 0), question)), group),
        ip4(UDP, udp(5353, 5353, dns(0x8400, (0, 1, 0, 0), answer)), group),
        ip4(UDP, udp(67, 68, dhcp(2))),
        ip4(UDP, udp(67, 68, dhcp(5))),
        ip6(ICMP6, struct.pack("!BBHHH", 128, 0, 0, 1, 1) + b"echo"),
        ip6(ICMP6, struct.pack("!BBHI", 135, 0, 0, 0) + HERE6 + bytes([1, 1]) + PEER_MAC),
        ip6(ICMP6, router + PEER_MAC, bytes.fromhex("ff02") + bytes(13) + b"\1"),
        ip6(UDP, udp(4000, 7, b"echo")),
        ip6(FRAGMENT, bytes([UDP, 0, 0, 1, 0, 0, 0, 9]) + udp(4000, 7, bytes(16))[:16]),
        ip6(0, bytes([UDP, 0, 5, 2, 0, 0, 1, 0]) + udp(4000, 7, b"echo")),
        *connection(),
    ]
