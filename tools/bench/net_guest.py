# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What our guest runs for `./inv bench net`: a client of iperf3's server and of net_peer.py.

For MicroPython, and for CPython in the tests.
"""

import json
import socket
import struct
import time

IPERF_PORT = 5201
PORT = 7000
BLOCK = 64 << 10
DATAGRAM = 1448
BURST = 32

# iperf3 3.12: iperf_api.h, iperf_udp.h.
_RUNNING, _END, _PARAMETERS, _STREAMS, _RESULTS, _DISPLAY, _DONE = 2, 4, 9, 10, 13, 14, 16
_HELLO = struct.pack("<I", 0x36373839)
_COOKIE = b"micropython-for-cloud-hypervisor-net\0"


def exactly(one, view):
    """Fill a memoryview."""
    at = 0
    while at < len(view):
        got = one.recv_into(view[at:])
        if not got:
            raise OSError("the peer has left")
        at += got


def received(one, size):
    data = bytearray(size)
    exactly(one, memoryview(data))
    return data


def _send_json(one, value):
    data = json.dumps(value).encode()
    one.sendall(struct.pack("!I", len(data)) + data)


def _receive_json(one):
    return json.loads(received(one, struct.unpack("!I", received(one, 4))[0]))


def _send_stream(one, end):
    data = bytes(BLOCK)
    total = 0
    while time.time_ns() < end:
        one.sendall(data)
        total += BLOCK
    return total


def _receive_stream(one, end):
    buffer = bytearray(BLOCK)
    total = 0
    while time.time_ns() < end:
        total += one.recv_into(buffer)
    return total


def _send_datagrams(one, end):
    data = bytearray(DATAGRAM)
    count = 0
    while (now := time.time_ns()) < end:
        count += 1
        struct.pack_into("!III", data, 0, now // 1000000000, now // 1000 % 1000000, count)
        try:
            one.send(data)
        except OSError:  # There is no room for it.
            count -= 1
    return count * DATAGRAM


def iperf(host, udp, receives, seconds):
    """Kilobits a second that have been received, by the receiver's figures."""
    control = socket.create_connection((host, IPERF_PORT))
    control.sendall(_COOKIE)
    parameters = {"time": seconds, "parallel": 1, "omit": 0, "client_version": "3.12"}
    parameters["len"] = DATAGRAM if udp else BLOCK
    parameters["udp" if udp else "tcp"] = True
    if receives:
        parameters["reverse"] = True
    while (state := received(control, 1)[0]) != _DISPLAY:
        if state == _PARAMETERS:
            _send_json(control, parameters)
        elif state == _STREAMS:
            stream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if udp else socket.SOCK_STREAM)
            stream.connect((host, IPERF_PORT))
            stream.settimeout(seconds + 10)
            stream.send(_HELLO if udp else _COOKIE)
            if udp:
                stream.recv(4)
        elif state == _RUNNING:
            work = _send_datagrams if udp else _send_stream
            work = _receive_stream if receives else work
            begin = time.time_ns()
            total = work(stream, begin + seconds * 1000000000)
            took = (time.time_ns() - begin) / 1e9
            control.sendall(bytes([_END]))
        elif state == _RESULTS:
            mine = {"id": 1, "bytes": total, "retransmits": -1, "jitter": 0, "errors": 0}
            mine.update({"packets": total // DATAGRAM, "start_time": 0, "end_time": took})
            results = {"cpu_util_total": 0, "cpu_util_user": 0, "cpu_util_system": 0}
            results.update({"sender_has_retransmits": 0, "streams": [mine]})
            _send_json(control, results)
            theirs = _receive_json(control)["streams"][0]
    stream.close()
    control.sendall(bytes([_DONE]))
    control.close()
    if not receives:
        total, took = theirs["bytes"], theirs["end_time"] - theirs["start_time"]
    return total * 8 / 1000 / took


def _echo(one, count):
    message = bytes(64)
    view = memoryview(bytearray(64))
    for _ in range(count):
        one.sendall(message)
        exactly(one, view)


def _give(one, count):
    data = bytes(BLOCK)
    for _ in range(count):
        one.sendall(data)
    one.recv(1)


def _take(one, count):
    buffer = bytearray(BLOCK)
    left = count * BLOCK
    while left:
        left -= one.recv_into(buffer)
    one.sendall(b".")


def _udp_give(one, count):
    data, last = bytes(DATAGRAM), b"\1" + bytes(DATAGRAM - 1)
    answer = bytearray(1)
    for _ in range(count // BURST):
        for _ in range(BURST - 1):
            one.send(data)
        one.send(last)
        one.recv_into(answer)


def _udp_take(one, count):
    buffer = bytearray(DATAGRAM)
    for _ in range(count // BURST):
        one.send(b"more")
        for _ in range(BURST):
            one.recv_into(buffer)


_TURNS = {"echo": _echo, "give": _give, "take": _take, "udp-give": _udp_give, "udp-take": _udp_take}


def turn(kind, host, count):
    """Do it `count` times; gives microseconds."""
    udp = kind.startswith("udp")
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if udp else socket.SOCK_STREAM)
    one.connect((host, PORT))
    if not udp:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        one.sendall(struct.pack("!4sI", kind.encode(), count))
    begin = time.time_ns()
    _TURNS[kind](one, count)
    took = (time.time_ns() - begin) / 1000
    one.close()
    return took
