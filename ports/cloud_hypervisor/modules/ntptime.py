# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The time by SNTP (RFC 4330), under the names of micropython-lib's ntptime."""

import socket
import struct
from time import gmtime

host = "pool.ntp.org"
timeout = 1
"""Seconds to wait for the answer."""

_PORT = 123
_TO_1970 = 2208988800
"""NTP counts from 1900."""
_ERA = 1 << 32


def time():
    """Seconds since 1970. OSError where nobody answers, or the answer makes no sense."""
    family, _, _, _, address = socket.getaddrinfo(host, _PORT, 0, socket.SOCK_DGRAM)[0]
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(timeout)
        s.connect(address)  # Others' datagrams are no answers.
        query = bytearray(48)
        query[0] = 0x1B  # Version 3, a client's.
        s.send(query)
        answer = s.recv(256)
    # A server's answer, of one that knows the time (stratum 1 to 15).
    if len(answer) < 48 or answer[0] & 7 != 4 or not 1 <= answer[1] <= 15:
        raise OSError("no NTP server's answer")
    seconds = struct.unpack("!I", answer[40:44])[0]
    # RFC 4330, 3: with the top bit clear it is the era that begins in 2036.
    return seconds - _TO_1970 + (0 if seconds & 0x80000000 else _ERA)


def settime():
    """Set the machine's clock."""
    import machine

    year, month, day, hour, minute, second, weekday, _ = gmtime(time())
    machine.RTC().datetime((year, month, day, weekday, hour, minute, second, 0))
