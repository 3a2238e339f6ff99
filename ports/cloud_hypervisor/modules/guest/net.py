# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""guest.interfaces(), connections(), ping(), dns(), ntp()."""

import os
import socket
import struct
import time

import _guest
import network

from guest.show import Record, Table

_ECHO = {socket.AF_INET: (8, 0, 1), socket.AF_INET6: (128, 129, socket.IPPROTO_ICMPV6)}
"""The types of a request and of its reply, the protocol: RFC 792, RFC 4443."""
_INTERVAL_MS = 200


def _state(problem, is_up, has_link):
    return problem or ("up" if is_up and has_link else "no link" if is_up else "down")


def interfaces():
    rows = []
    at = 0
    while (item := _guest.interface(at)) is not None:
        at, name, problem, is_up, has_link, mac, mtu, addresses = item[:8]
        at += 1
        state = _state(problem, is_up, has_link)
        rows.append((name, state, mac.hex(":"), mtu) + tuple(item[8:]) + (addresses,))
    counts = "received:d rx_bytes:s rx_drops:d sent:d tx_bytes:s tx_drops:d"
    return Table("name state mac mtu:d " + counts + " addresses", rows)


def _end(host, port):
    if not port:
        port = "*"
    any = host in ("0.0.0.0", "::")
    return "*:%s" % port if any else ("[%s]:%s" if ":" in host else "%s:%s") % (host, port)


def connections():
    rows = []
    for protocol in range(2):
        index = 0
        while (item := _guest.connection(protocol, index)) is not None:
            name, local, local_port, remote, remote_port, state, waiting = item
            rows.append((name, _end(local, local_port), _end(remote, remote_port), waiting, state))
            index += 1
    return Table("protocol local remote unacknowledged:s state", rows)


def _sum(data):
    """The internet checksum: RFC 1071."""
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def _request(family, number, sequence, payload):
    kind = _ECHO[family][0]
    packet = struct.pack("!BBHHH", kind, 0, 0, number, sequence) + payload
    if family == socket.AF_INET6:
        return packet  # The network makes its sum.
    total = _sum(packet if len(packet) % 2 == 0 else packet + b"\0")
    return packet[:2] + struct.pack("!H", total) + packet[4:]


def _reply(family, data):
    """(type, number, sequence, payload, TTL or None)"""
    ttl = None
    if family == socket.AF_INET:  # With its header.
        ttl = data[8]
        data = data[(data[0] & 15) * 4 :]
    if len(data) < 8:
        return None, None, None, b"", None
    kind, _, _, number, sequence = struct.unpack("!BBHHH", data[:8])
    return kind, number, sequence, data[8:], ttl


def ping(host, count=4, size=56, timeout=1.0):
    family, _, _, _, address = socket.getaddrinfo(host, 0)[0]
    number = struct.unpack("!H", os.urandom(2))[0]
    rows = []
    with socket.socket(family, socket.SOCK_RAW, _ECHO[family][2]) as s:
        for sequence in range(1, count + 1):
            payload = os.urandom(size)
            start = time.ticks_us()
            deadline = time.ticks_add(start, int(timeout * 1000000))
            s.sendto(_request(family, number, sequence, payload), address)
            row = (sequence, address[0], None, None, "no answer")
            while (left := time.ticks_diff(deadline, time.ticks_us())) > 0:
                s.settimeout(left / 1000000)
                try:
                    data, sender = s.recvfrom(size + 128)
                except socket.timeout:
                    break
                kind, whose, which, content, ttl = _reply(family, data)
                if (kind, whose, which, content) == (_ECHO[family][1], number, sequence, payload):
                    took = time.ticks_diff(time.ticks_us(), start) / 1000
                    row = (sequence, sender[0], ttl, took, "")
                    break
            rows.append(row)
            if sequence < count:
                time.sleep_ms(_INTERVAL_MS)
    return Table("sequence:d from ttl milliseconds problem", rows)


def dns(name=None):
    if name is None:
        return network.ipconfig("dns")
    found = []
    for family, _, _, _, address in socket.getaddrinfo(name, 0):
        row = ("IPv6" if family == socket.AF_INET6 else "IPv4", address[0])
        if row not in found:
            found.append(row)
    return Table("family address", found)


def ntp(server=None, set=False):
    import ntptime

    before = ntptime.host
    try:
        ntptime.host = server or before
        there = ntptime.time()
        ahead = there - time.time()
        if set:
            ntptime.settime()
        return Record("server time ahead set", ntptime.host, _text(there), "%d s" % ahead, set)
    finally:
        ntptime.host = before


def _text(seconds):
    return "%04d-%02d-%02d %02d:%02d:%02d UTC" % tuple(time.gmtime(seconds)[:6])
