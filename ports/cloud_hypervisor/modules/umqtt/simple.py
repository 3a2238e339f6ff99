# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""A client of MQTT 3.1.1 (OASIS), under the names of micropython-lib's umqtt.simple.

QoS 0 and 1. With a keep-alive, wait_msg() pings the broker and tells where it does not answer; who
does not wait calls ping() in time.
"""

import select
import socket
from errno import ECONNRESET, ETIMEDOUT

_CONNECT, _CONNACK, _PUBLISH, _PUBACK = 0x10, 0x20, 0x30, 0x40
_SUBSCRIBE, _SUBACK, _UNSUBSCRIBE, _UNSUBACK = 0x82, 0x90, 0xA2, 0xB0
_PINGREQ, _PINGRESP, _DISCONNECT = 0xC0, 0xD0, 0xE0


class MQTTException(Exception):
    """What the broker has refused, by number, or how it breaks the protocol."""


def _field(value):
    """Text or bytes, behind their length."""
    data = value.encode() if isinstance(value, str) else value
    if len(data) > 0xFFFF:
        raise ValueError("longer than 65535 bytes")
    return len(data).to_bytes(2, "big") + data


def _check_qos(qos):
    if qos not in (0, 1):
        raise ValueError("qos must be 0 or 1")


class MQTTClient:
    MAX_SIZE = 1 << 24
    """Of a packet that the broker sends, in bytes."""

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
            raise ValueError("keepalive must be 0 to 65535 seconds")
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
        self._is_pinged = False

    def set_callback(self, f):
        """f(topic, message), both bytes, for each message that comes."""
        self.cb = f

    def set_last_will(self, topic, msg, retain=False, qos=0):
        """What the broker publishes when this client is lost. Before connect()."""
        _check_qos(qos)
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
        self._is_pinged = False
        self._plain = self.sock = socket.create_connection((self.server, self.port), self._timeout)
        try:
            if self.ssl is True:
                import ssl

                self.sock = ssl.wrap_socket(self.sock, **self.ssl_params)
            elif self.ssl:
                self.sock = self.ssl.wrap_socket(self.sock, server_hostname=self.server)
            self._send(_CONNECT, self._introduction(clean_session))
            op, answer = self._receive(self._read(1))
            if op != _CONNACK or len(answer) != 2:
                raise MQTTException("no CONNACK")
            if answer[1]:
                raise MQTTException(answer[1])
        except BaseException:
            self.sock.close()
            raise
        return answer[0] & 1

    def _introduction(self, clean_session):
        flags = clean_session << 1
        fields = _field(self.client_id)
        if self.lw_topic:
            flags |= 0x04 | self.lw_qos << 3 | self.lw_retain << 5
            fields += _field(self.lw_topic) + _field(self.lw_msg)
        if self.user is not None:
            flags |= 0x80
            fields += _field(self.user)
            if self.pswd is not None:
                flags |= 0x40
                fields += _field(self.pswd)
        return b"\0\4MQTT\4" + bytes((flags,)) + self.keepalive.to_bytes(2, "big") + fields

    def disconnect(self):
        try:
            self._send(_DISCONNECT)
        finally:
            self.sock.close()

    def ping(self):
        self._send(_PINGREQ)

    def publish(self, topic, msg, retain=False, qos=0):
        """With qos=1, until the broker has it."""
        _check_qos(qos)
        data = _field(topic)
        if qos:
            data += self._next_pid()
        self._send(
            _PUBLISH | qos << 1 | retain, data, msg.encode() if isinstance(msg, str) else msg
        )
        if qos:
            self._await(_PUBACK, data[-2:])

    def subscribe(self, topic, qos=0):
        _check_qos(qos)
        if self.cb is None:
            raise ValueError("set_callback() comes first")
        pid = self._next_pid()
        self._send(_SUBSCRIBE, pid, _field(topic), bytes((qos,)))
        answer = self._await(_SUBACK, pid)
        if answer not in (b"\0", b"\1"):
            raise MQTTException(*answer)

    def unsubscribe(self, topic):
        pid = self._next_pid()
        self._send(_UNSUBSCRIBE, pid, _field(topic))
        self._await(_UNSUBACK, pid)

    def wait_msg(self):
        """Wait for a packet, and call the callback if it is a message. Its first byte; None for the
        answer to a ping."""
        return self._handle(self._wait())[0]

    def check_msg(self):
        """As wait_msg(), but None where nothing has come."""
        first = self._look()
        return self._handle(first)[0] if first else None

    def _next_pid(self):
        self.pid = self.pid % 0xFFFF + 1
        return self.pid.to_bytes(2, "big")

    def _send(self, op, *parts):
        size = sum(len(part) for part in parts)
        if size >= 1 << 28:
            raise ValueError("longer than MQTT allows")
        packet = bytearray((op,))
        while size > 0x7F:
            packet.append(size & 0x7F | 0x80)
            size >>= 7
        packet.append(size)
        for part in parts:
            packet += part
        self.sock.write(packet)

    def _read(self, size):
        data = b""
        while len(data) < size:
            # TLS gives less, or None, where something of its own has come.
            piece = self.sock.read(size - len(data))
            if piece == b"":
                raise OSError(ECONNRESET)
            data += piece or b""
        return data

    def _look(self):
        """The first byte of a packet, if one has come."""
        self._plain.setblocking(False)
        try:
            first = self.sock.read(1)
        finally:
            self._plain.settimeout(self._timeout)
        if first == b"":
            raise OSError(ECONNRESET)
        return first

    def _wait(self, timeout=None):
        """The first byte of the next packet."""
        ms = int(timeout * 1000) if timeout else self.keepalive * 500 or -1
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        while not (first := self._look()):
            if not poll.poll(ms):
                if timeout or self._is_pinged:
                    raise OSError(ETIMEDOUT)
                self._is_pinged = True
                self.ping()
        return first

    def _receive(self, first):
        """The kind of a packet and what is in it. An error in the middle ends the connection."""
        try:
            size = shift = 0
            while True:
                byte = self._read(1)[0]
                size |= (byte & 0x7F) << shift
                if byte < 0x80:
                    break
                shift += 7
                if shift > 21:
                    raise MQTTException("a length of more than 4 bytes")
            if size > self.MAX_SIZE:
                raise MQTTException("a packet longer than MAX_SIZE")
            return first[0], self._read(size)
        except BaseException:
            self.sock.close()
            raise

    def _handle(self, first):
        op, data = self._receive(first)
        self._is_pinged = False  # Whatever comes shows that it is there.
        if op == _PINGRESP:
            return None, data
        if op & 0xF0 == _PUBLISH:
            self._take(op, data)
        return op, data

    def _take(self, op, data):
        qos = op >> 1 & 3
        end = 2 + int.from_bytes(data[:2], "big")
        start = end + 2 if qos else end
        if qos > 1 or start > len(data) or len(data) < 2:
            self.sock.close()
            raise MQTTException("no message of QoS 0 or 1")
        self.cb(data[2:end], data[start:])
        if qos:
            self._send(_PUBACK, data[end:start])

    def _await(self, wanted, pid):
        """What is behind the packet's number in the answer to it. Others are of what was given up
        before."""
        while True:
            op, data = self._handle(self._wait(self._timeout))
            if op == wanted and data[:2] == pid:
                return data[2:]
