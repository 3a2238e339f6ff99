# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Sends each datagram back: the echo service of RFC 862.

./inv run examples/udp_echo --net user --publish 7007:7/udp
echo hello | nc -u -w 1 127.0.0.1 7007
"""

import socket

buffer = bytearray(65536)
view = memoryview(buffer)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.bind(("", 7))
    while True:
        size, where = s.recvfrom_into(buffer)
        s.sendto(view[:size], where)
