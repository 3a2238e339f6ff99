# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""A client of MQTT 3.1.1 (OASIS), under the names of micropython-lib's umqtt.simple.

QoS 0 and 1. With a keep-alive, wait_msg() pings the broker and tells where it does not answer; who
does not wait calls ping() in time.
"""

import select
import socket
import time
from errno import ECONNRESET, ETIMEDOUT

from micropython import const

# Kinds of packets, with their flags.
_CONNECT = const(0x10)
_CONNACK = const(0x20)
_PUBLISH = const(0x30)
_PUBACK = const(0x40)
_SUBSCRIBE = const(0x82)
_SUBACK = const(0x90)
_UNSUBSCRIBE = const(0xA2)
_UNSUBACK = const(0xB0)
_PINGREQ = const(0xC0)
_PINGRESP = const(0xD0)
_DISCONNECT = const(0xE0)

_MOST = const(1 << 24)
"""Bytes of a packet that the broker sends."""


class MQTTException(Exception):
    """What the broker has refused, by number, or how it breaks the protocol."""


def _encoded(value):
    """Text or bytes, behind their length."""
    data = value.encode() if isinstance(value, str) else value
    if len(data) > 0xFFFF:
        raise ValueError("too long")
    return len(data).to_bytes(2, "big") + data


def _check(qos):
    if qos not in (0, 1):
        raise ValueError("qos must be 0 or 1")


class MQTTClient:
    def __init__(
        self,
        client_id,
        server,
        port=0,
        user=None,
        password=None,
        keepalive=0,
        ssl=None,
        ssl_params={},  # noqa: B006
    ):
        if not 0 <= keepalive <= 0xFFFF:
            raise ValueError("keepalive must be 0 to 65535")
        self.client_id = client_id
        self.sock = None
        self.server = server
        self.port = port or (8883 if ssl else 1883)
        self.ssl = ssl
        self.ssl_params = ssl_params
        self.pid = 0
        self.cb = None
        self.user = user
        self.pswd = password
        self.keepalive = keepalive
        self.lw_topic = None
        self.lw_msg = None
        self.lw_qos = 0
        self.lw_retain = False
        self._plain = None  # What `sock` is, below TLS.
        self._timeout = None
        self._waits = False  # For the answer to a ping.

    def set_callback(self, callback):
        """callback(topic, message), both bytes, for each message that comes."""
        self.cb = callback

    def set_last_will(self, topic, msg, retain=False, qos=0):
        """What the broker publishes when this client is lost. Before connect()."""
        _check(qos)
        if not topic:
            raise ValueError("a topic is wanted")
        self.lw_topic = topic
        self.lw_msg = msg
        self.lw_qos = qos
        self.lw_retain = retain

    def connect(self, clean_session=True, timeout=None):
        """Whether the broker still had a session. `timeout`: in seconds, for each answer; the last
        one is kept."""
        if self.sock:
            self.sock.close()
        if timeout is not None:
            self._timeout = timeout
        self._waits = False
        self._plain = self.sock = socket.create_connection((self.server, self.port), self._timeout)
        try:
            if self.ssl is True:
                import ssl

                self.sock = ssl.wrap_socket(self.sock, **self.ssl_params)
            elif self.ssl:
                self.sock = self.ssl.wrap_socket(self.sock, server_hostname=self.server)
            flags = clean_session << 1
            fields = _encoded(self.client_id)
            if self.lw_topic:
                flags |= 0x04 | self.lw_qos << 3 | self.lw_retain << 5
                fields += _encoded(self.lw_topic) + _encoded(self.lw_msg)
            if self.user is not None:
                flags |= 0x80
                fields += _encoded(self.user)
            if self.pswd is not None:
                flags |= 0x40
                fields += _encoded(self.pswd)
            introduction = b"\0\4MQTT\4" + bytes((flags,)) + self.keepalive.to_bytes(2, "big")
            self._send(_CONNECT, introduction, fields)
            answer = self._wait(_CONNACK, b"")
            if len(answer) != 2:
                raise MQTTException("malformed")
            if answer[1]:
                raise MQTTException(answer[1])
        except BaseException:
            self.sock.close()
            raise
        return answer[0] & 1

    def disconnect(self):
        try:
            self._send(_DISCONNECT)
        finally:
            self.sock.close()

    def ping(self):
        self._send(_PINGREQ)

    def publish(self, topic, msg, retain=False, qos=0):
        """With qos=1, until the broker has it."""
        _check(qos)
        data = _encoded(topic)
        if qos:
            data += self._number()
        self._send(
            _PUBLISH | qos << 1 | retain, data, msg.encode() if isinstance(msg, str) else msg
        )
        if qos:
            self._wait(_PUBACK, data[-2:])

    def subscribe(self, topic, qos=0):
        _check(qos)
        if self.cb is None:
            raise ValueError("set_callback() comes first")
        pid = self._number()
        self._send(_SUBSCRIBE, pid, _encoded(topic), bytes((qos,)))
        answer = self._wait(_SUBACK, pid)
        if answer not in (b"\0", b"\1"):
            raise MQTTException(*answer)

    def unsubscribe(self, topic):
        pid = self._number()
        self._send(_UNSUBSCRIBE, pid, _encoded(topic))
        self._wait(_UNSUBACK, pid)

    def wait_msg(self):
        """Wait for a packet, and call the callback if it is a message. Its first byte; None for the
        answer to a ping."""
        return self._next(None)[0]

    def check_msg(self):
        """As wait_msg(), but None where nothing has come."""
        return self._next(0)[0]

    def _number(self):
        self.pid = self.pid % 0xFFFF + 1
        return self.pid.to_bytes(2, "big")

    def _send(self, op, *parts):
        size = sum(len(part) for part in parts)
        if size >= 1 << 28:
            raise ValueError("too long")
        packet = bytearray((op,))
        while size > 0x7F:
            packet.append(size & 0x7F | 0x80)
            size >>= 7
        packet.append(size)
        for part in parts:
            packet += part
        left = memoryview(packet)
        while left:
            sent = self.sock.write(left)
            if not sent:
                time.sleep_ms(1)  # Another thread looks whether something has come: _next().
            left = left[sent or 0 :]

    def _read(self, size):
        data = b""
        while len(data) < size:
            # TLS gives less, or None, where something of its own has come.
            piece = self.sock.read(size - len(data))
            if piece == b"":
                raise OSError(ECONNRESET)
            data += piece or b""
        return data

    def _next(self, timeout):
        """The kind of the next packet and what is in it; a message is handed over. An error in the
        middle ends the connection. None where nothing has come and `timeout` is 0; None as that is
        for ever."""
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        while True:
            self._plain.setblocking(False)
            try:
                op = self.sock.read(1)
            finally:
                # Of what follows in a packet: a broker that stops there is noticed, too.
                self._plain.settimeout(self._timeout or self.keepalive or None)
            if op:
                break
            if op == b"":
                raise OSError(ECONNRESET)
            if timeout == 0:
                return None, None
            if not poll.poll(int(timeout * 1000) if timeout else self.keepalive * 500 or -1):
                if timeout or self._waits:
                    raise OSError(ETIMEDOUT)
                self._waits = True
                self.ping()
        op = op[0]
        try:
            size = shift = 0
            while True:
                byte = self._read(1)[0]
                size |= (byte & 0x7F) << shift
                shift += 7
                if byte < 0x80:
                    break
                if shift > 21:
                    raise MQTTException("malformed")
            if size > _MOST:
                raise MQTTException("too long")
            data = self._read(size)
            qos = op >> 1 & 3
            end = 2 + int.from_bytes(data[:2], "big")
            start = end + 2 if qos else end
            is_message = op & 0xF0 == _PUBLISH
            if is_message and (qos > 1 or start > size or size < 2):
                raise MQTTException("malformed")
        except BaseException:
            self.sock.close()
            raise
        self._waits = False  # Whatever comes shows that it is there.
        if is_message:
            self.cb(data[2:end], data[start:])
            if qos:
                self._send(_PUBACK, data[end:start])
        return None if op == _PINGRESP else op, data

    def _wait(self, wanted, pid):
        """What is behind the packet's number in the answer to it. Others are of what was given up
        before."""
        while True:
            op, data = self._next(self._timeout)
            if op == wanted and data[: len(pid)] == pid:
                return data[len(pid) :]
