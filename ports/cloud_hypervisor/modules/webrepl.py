# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The prompt by WebSocket (RFC 6455), behind a password, and files: micropython-lib's webrepl.

A connection has a thread. It types at the console what comes, as if that came by the serial line;
what is written there goes to the connection too, by os.dupterm().
"""

import _thread
import binascii
import hashlib
import io
import os
import select
import socket
import struct
import sys
import time
from errno import EIO, EMSGSIZE, ETIMEDOUT

import network
from cloud_hypervisor import _type
from micropython import const

static_host = "https://micropython.org/webrepl/"
"""Where the page comes from that a browser shows."""

_MOST_WAITING = const(4)
_MOST = const(8)  # Threads, with those that are about to end.
_TIMEOUT = const(10)  # Seconds in which what has begun goes on: a frame, or sending.
_PATIENCE_MS = const(60000)  # For the password.
_LINE = const(1024)
_MOST_LINES = const(64)
_MOST_PASSWORD = const(256)
_FRAME = const(65535)
_EARLY_FRAME = const(512)  # Before the password.
_PIECE = const(1024)
_STREAM_CLOSE = const(4)  # A request of ioctl().

# Kinds of frames.
_TEXT = const(1)
_BINARY = const(2)
_CLOSE = const(8)
_PING = const(9)
_PONG = const(10)

# What is done with files begins with "WA", kind, flags, offset, size, length of the name, name.
_HEADER = const("<2sBBQIH64s")
_HEADER_SIZE = const(82)
_PUT = const(1)  # 2: get.
_VERSION = const(3)

_listener = None
_pass = b""
_active = []
_guess = _thread.allocate_lock()


def _connect(sock):
    """Whether it is for a WebSocket (RFC 6455, 4.2); who only wants to look gets a page."""
    sock.readline(_LINE)
    key = None
    for _ in range(_MOST_LINES):
        name, colon, value = sock.readline(_LINE).partition(b":")
        if not colon:
            break
        if name.lower() == b"sec-websocket-key":
            key = value.strip()
    if key:
        sum = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        sock.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + binascii.b2a_base64(sum).strip() + b"\r\n\r\n"
        )
        return True
    sock.sendall(
        b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n"
        b'<base href="%s"></base><script src="webrepl_content.js"></script>\r\n'
        % static_host.encode()
    )
    return False


class _Session(io.IOBase):
    _wakes_poll = True

    def __init__(self, sock):
        self.is_admitted = False
        self.is_told = False  # To go.
        self._socket = sock
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._end = select.poll()
        self._end.register(sock, 0)
        self._kind = _BINARY
        self._lock = _thread.allocate_lock()
        self._ident = None  # The thread that has the lock.
        self._items = []
        self._left = b""
        sock.settimeout(_TIMEOUT)
        # Who has gone without a word is noticed.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    # What os.dupterm() wants. What is typed comes by _type().

    def readinto(self, buffer):
        return None

    def write(self, data):
        if self.is_admitted:
            self._send(_TEXT, bytes(data))
        return len(data)

    def ioctl(self, request, value):
        if request == _STREAM_CLOSE:
            self.is_admitted = False
            self.is_told = True
            self._socket.close()
        return 0

    def run(self):
        try:
            if _connect(self._socket) and self._check():
                try:
                    while True:
                        self._take(*self._next())
                finally:
                    terminal = os.dupterm(None)
                    if terminal is not self:
                        os.dupterm(terminal)
        except (OSError, UnicodeError):
            pass
        finally:
            self._socket.close()
            _active.remove(self)

    def _check(self):
        self._send(_TEXT, b"Password: ")
        typed = b""
        while b"\r" not in typed and b"\n" not in typed:
            typed += self._next()[1]  # Some clients send it as text, others do not.
            if len(typed) > _MOST_PASSWORD:
                return False
        typed, end, rest = typed.replace(b"\n", b"\r").partition(b"\r")
        with _guess:  # More connections do not make more guesses a second.
            if self.is_told:
                return False
            is_right = typed == _pass
            if not is_right:
                time.sleep(1)
        if not is_right:
            self._send(_TEXT, b"\r\nAccess denied\r\n")
            return False
        terminal = os.dupterm(self)
        if terminal:
            os.dupterm(terminal)
            self._send(_TEXT, b"\r\nAnother one is connected\r\n")
            return False
        self.is_admitted = True
        self._send(_TEXT, b"\r\nWebREPL connected\r\n>>> ")
        self._take(_TEXT, rest.strip(b"\r"))
        return True

    def _take(self, kind, data):
        if kind == _TEXT:
            while data and self.is_admitted:
                data = data[_type(data) :]
                # Nobody reads; whose connection is lost does not wait for that.
                if data and self._end.poll(20):
                    raise OSError(EIO)
            return
        while len(data) < _HEADER_SIZE:
            data += self._content()
        magic, what, _, _, size, length, name = struct.unpack(_HEADER, data)
        if magic != b"WA" or not _PUT <= what <= _VERSION or length > len(name):
            raise OSError(EIO)
        data = data[_HEADER_SIZE:]
        if what == _VERSION:
            self._send(_BINARY, bytes(sys.implementation[1][:3]))
            return
        try:
            file = open(name[:length].decode(), "wb" if what == _PUT else "rb")
        except OSError as e:
            self._report(e.errno)
            return
        with file:
            self._report(0)
            error = self._put(file, size, data) if what == _PUT else self._get(file)
        self._report(error)

    def _put(self, file, size, data):
        """What has gone wrong. All is read in any case."""
        error = 0
        while True:
            data = data[:size]
            size -= len(data)
            try:
                if not error:
                    file.write(data)
                    if not size:
                        file.close()
            except OSError as e:
                error = e.errno
            if not size:
                return error
            data = self._content()

    def _get(self, file):
        """What has gone wrong. It asks for each piece by a byte."""
        error = 0
        while True:
            self._content()
            try:
                piece = file.read(_PIECE - 2)
            except OSError as e:
                piece, error = b"", e.errno
            self._send(_BINARY, len(piece).to_bytes(2, "little") + piece)
            if not piece:
                return error

    def _report(self, error):
        self._send(_BINARY, b"WB" + error.to_bytes(2, "little"))

    # Frames.

    def _content(self):
        """The next data; what is typed meanwhile is typed."""
        while True:
            kind, data = self._next()
            if kind == _BINARY:
                return data
            self._take(kind, data)

    def _next(self):
        """The kind and the content of the next frame that has data."""
        while True:
            if not self._poll.poll(-1 if self.is_admitted else _PATIENCE_MS):
                raise OSError(ETIMEDOUT)
            first, second = self._read(2)
            kind, size = first & 15, second & 127
            if size >= 126:
                size = int.from_bytes(self._read(2 if size == 126 else 8), "big")
            if size > (_FRAME if self.is_admitted else _EARLY_FRAME):
                raise OSError(EMSGSIZE)
            mask = self._read(4) if second & 128 else None
            data = self._read(size)
            if mask:
                mask = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
                data = (int.from_bytes(data, "big") ^ mask).to_bytes(size, "big")
            if kind == _CLOSE:
                self._send(_CLOSE, data[:2])
                raise OSError(EIO)
            if kind == _PING:
                self._send(_PONG, data)
            if kind in (_TEXT, _BINARY):
                self._kind = kind
            if kind <= _BINARY and size:
                return self._kind, data

    def _read(self, size):
        data = self._socket.read(size) if size else b""
        if len(data) < size:
            raise OSError(EIO)
        return data

    def _send(self, kind, data):
        """From any thread. What a callback writes while its thread sends is sent behind that."""
        if self._ident == _thread.get_ident():
            self._items.append((kind, data))
            return
        # At a soft reset a thread ends with what it has.
        if not self._lock.acquire(True, _TIMEOUT):
            self.ioctl(_STREAM_CLOSE, 0)
            return
        self._ident = _thread.get_ident()
        try:
            self._send_frames(kind, data)
            while self._items:
                self._send_frames(*self._items.pop(0))
        except BaseException as e:
            self.ioctl(_STREAM_CLOSE, 0)  # Its thread will notice.
            if not isinstance(e, OSError):
                raise
        finally:
            self._ident = None
            self._lock.release()

    def _send_frames(self, kind, data):
        if kind == _TEXT:
            data = self._left + data
            self._left = b""
            try:
                data = data.decode()
            except UnicodeError:
                if len(data) < 4:
                    self._left = data  # The rest of a character may follow.
                    return
                data = "".join(chr(byte) if byte < 128 else "?" for byte in data)
        for at in range(0, len(data) or 1, _PIECE):
            piece = data[at : at + _PIECE]
            if kind == _TEXT:
                piece = piece.encode()
            size = len(piece)
            header = bytes((128 | kind, size if size < 126 else 126))
            if size >= 126:
                header += size.to_bytes(2, "big")
            self._socket.sendall(header + piece)


def _serve(listener):
    while listener is _listener:
        if len(_active) >= _MOST:
            time.sleep_ms(20)
            continue
        sock = session = None
        try:
            sock, _ = listener.accept()
            # Who keeps others from being asked makes room for them.
            waiting = [one for one in _active if not (one.is_admitted or one.is_told)]
            if len(waiting) >= _MOST_WAITING:
                waiting[0].ioctl(_STREAM_CLOSE, 0)
            session = _Session(sock)
            _active.append(session)
            _thread.start_new_thread(session.run, ())
        except Exception:  # There may be no memory for one more now.
            if session in _active:
                _active.remove(session)
            if sock:
                sock.close()
            time.sleep_ms(100)


def stop():
    """Nobody connects any more, and who is connected is not."""
    global _listener
    listener, _listener = _listener, None
    if listener:
        listener.close()
    for session in list(_active):
        session.ioctl(_STREAM_CLOSE, 0)


def start(port=8266, password=None):
    """Without a password, that of webrepl_cfg.py: PASS, and BASE for another `static_host`."""
    global _listener, _pass, static_host
    stop()
    if password is None:
        try:
            import webrepl_cfg

            password = webrepl_cfg.PASS
            static_host = getattr(webrepl_cfg, "BASE", static_host)
        except (ImportError, AttributeError):
            print("WebREPL is not configured, run 'import webrepl_setup'")
            return
    if not password:
        raise ValueError("a password is wanted")
    _type(b"")  # Raises where there is no prompt.
    where = network.LAN().ifconfig()[0]
    _pass = password.encode()
    _listener = socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    _thread.start_new_thread(_serve, (_listener,))
    print(f"WebREPL server started on http://{where}:{port}/")
