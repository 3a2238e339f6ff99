# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""HTTP, under the names of micropython-lib's requests."""

import socket

_REDIRECTS = 10
_PIECE = 4096
_LINE = 8192  # Bytes, and how many lines, that a server may send beside the content.
_LINES = 100
_INTERIM = 10


def _line(stream):
    line = stream.readline(_LINE)
    if len(line) == _LINE:
        raise ValueError("too long a line")
    return line


def _fields(stream):
    """The lines up to an empty one. Where the stream ends before, the last is b""."""
    for _ in range(_LINES):
        line = _line(stream)
        if line in (b"\r\n", b"\n"):
            return
        yield line
        if not line:
            return
    raise ValueError("too many headers")


def _text(data):
    """What is no UTF-8 is Latin-1."""
    try:
        return data.decode()
    except UnicodeError:
        return "".join(chr(byte) for byte in data)


class _Body:
    """What of the connection is the response's: all of it, so many bytes, or chunks."""

    def __init__(self, stream, left, chunked):
        self._stream = stream
        self._left = 0 if chunked else left
        self._chunked = chunked
        self._begun = False

    def _next_chunk(self):
        if self._begun:
            _line(self._stream)
        self._begun = True
        line = _line(self._stream)
        self._left = int(line.split(b";")[0], 16)
        if not self._left:
            self._chunked = False
            for _ in _fields(self._stream):
                pass

    def readinto(self, buffer):
        if self._chunked and not self._left:
            self._next_chunk()
        if self._left == 0:
            return 0
        view = memoryview(buffer)
        got = self._stream.readinto(view if self._left is None else view[: self._left])
        if self._left is not None:
            if not got:
                raise OSError("the connection ended in the middle of the response")
            self._left -= got
        return got

    def read(self, size=-1):
        all = bytearray()
        piece = bytearray(_PIECE)
        while size < 0 or len(all) < size:
            got = self.readinto(piece if size < 0 else memoryview(piece)[: size - len(all)])
            if not got:
                break
            all += memoryview(piece)[:got]
        return bytes(all)

    def close(self):
        self._stream.close()


class Response:
    def __init__(self, raw):
        self.raw = raw
        self.encoding = "utf-8"
        self._cached = None

    def close(self):
        if self.raw:
            self.raw.close()
            self.raw = None
        self._cached = None

    @property
    def content(self):
        if self._cached is None:
            try:
                self._cached = self.raw.read()
            finally:
                self.raw.close()
                self.raw = None
        return self._cached

    @property
    def text(self):
        return str(self.content, self.encoding)

    def json(self):
        import json

        return json.loads(self.content)

    def iter_content(self, size=_PIECE):
        while piece := self.raw.read(size):
            yield piece

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.close()


def _split(url):
    """Protocol, host, port, what of the URL is sent as the Host, and the path."""
    protocol, _, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    if not slash:
        place, mark, path = rest.partition("?")
        path = mark + path
    protocol = protocol.lower()
    if protocol not in ("http", "https") or not place:
        raise ValueError("no URL of HTTP: " + url)
    port = 443 if protocol == "https" else 80
    host = place.split("@")[-1]
    name = host
    if host.startswith("["):
        name, _, rest = host[1:].partition("]")
        if rest:
            port = int(rest[1:])
    elif ":" in host:
        name, _, number = host.partition(":")
        port = int(number)
    return protocol, name, port, host, "/" + path


def _connect(protocol, name, port, timeout):
    stream = socket.create_connection((name, port), *(() if timeout is None else (timeout,)))
    if protocol == "https":
        try:
            import ssl

            stream = ssl.create_default_context().wrap_socket(stream, server_hostname=name)
        except BaseException:
            stream.close()
            raise
    return stream


def _send(stream, method, host, path, headers, data):
    given = {name.lower() for name in headers}
    lines = [f"{method} {path} HTTP/1.1"]
    if "host" not in given:
        lines.append("Host: " + host)
    lines += [f"{name}: {value}" for name, value in headers.items()]
    chunked = data is not None and not isinstance(data, (bytes, bytearray, memoryview))
    if chunked:
        lines.append("Transfer-Encoding: chunked")
    elif data is not None and "content-length" not in given:
        lines.append(f"Content-Length: {len(data)}")
    lines.append("Connection: close\r\n\r\n")
    for line in lines[:-1]:
        if "\r" in line or "\n" in line:
            raise ValueError("a header has one line")
    stream.write("\r\n".join(lines).encode())
    if chunked:
        for piece in data:
            if piece:
                stream.write(b"%x\r\n" % len(piece))
                stream.write(piece)
                stream.write(b"\r\n")
        stream.write(b"0\r\n\r\n")
    elif data:
        stream.write(data)


def _read_head(stream):
    """Status, reason, and headers as they came."""
    for _ in range(_INTERIM):
        words = _line(stream).split(None, 2)
        if len(words) < 2 or not words[0].startswith(b"HTTP/"):
            break
        headers = []
        for line in _fields(stream):
            if not line:
                raise OSError("the connection ended in the middle of the headers")
            name, _, value = _text(line).partition(":")
            headers.append((name.strip(), value.strip()))
        status = int(words[1])
        if status // 100 != 1:  # 100 Continue, and others that say nothing.
            return status, _text(words[2].strip()) if len(words) > 2 else "", headers
    raise ValueError("no response of HTTP")


def _body_of(method, status, headers, stream):
    values = {name.lower(): value for name, value in headers}
    if method == "HEAD" or status in (204, 304):
        return _Body(stream, 0, False)
    chunked = "chunked" in values.get("transfer-encoding", "").lower()
    length = values.get("content-length")
    return _Body(stream, None if length is None else int(length), chunked)


def _absolute(url, location):
    if "://" in location:
        return location
    protocol, _, rest = url.partition("://")
    place = rest.split("/")[0].split("?")[0]
    if location.startswith("//"):
        return f"{protocol}:{location}"
    if location.startswith("/"):
        return f"{protocol}://{place}{location}"
    path = rest[len(place) :].split("?")[0]
    return f"{protocol}://{place}{path.rpartition('/')[0]}/{location}"


def _encoded(data, json, headers):
    if json is not None:
        import json as encoder

        headers.setdefault("Content-Type", "application/json")
        data = encoder.dumps(json)
    return data.encode() if isinstance(data, str) else data


def request(
    method,
    url,
    data=None,
    json=None,
    headers=None,
    stream=None,
    auth=None,
    timeout=None,
    parse_headers=True,
):
    """`data`: bytes, a string, or an iterator of bytes, which are sent in chunks."""
    headers = dict(headers) if headers else {}
    data = _encoded(data, json, headers)
    if auth is not None:
        from binascii import b2a_base64

        pair = f"{auth[0]}:{auth[1]}".encode()
        headers["Authorization"] = "Basic " + b2a_base64(pair, newline=False).decode()
    for _ in range(_REDIRECTS):
        protocol, name, port, host, path = _split(url)
        connection = _connect(protocol, name, port, timeout)
        try:
            _send(connection, method, host, path, headers, data)
            status, reason, got = _read_head(connection)
            location = [value for key, value in got if key.lower() == "location"]
            if status in (301, 302, 303, 307, 308) and location:
                connection.close()
                new = _absolute(url, location[0])
                if _split(new)[:3] != (protocol, name, port):
                    headers.pop("Authorization", None)  # It is for the other one.
                if status == 303 or (status in (301, 302) and method == "POST"):
                    method, data = "GET", None
                url = new
                continue
            response = Response(_body_of(method, status, got, connection))
        except BaseException:
            connection.close()
            raise
        response.status_code = status
        response.reason = reason
        response.url = url
        response.headers = dict(got) if parse_headers is True else {}
        if callable(parse_headers):
            for key, value in got:
                parse_headers(f"{key}: {value}\r\n", response.headers)
        return response
    raise OSError("too many redirects")


def head(url, **kw):
    return request("HEAD", url, **kw)


def get(url, **kw):
    return request("GET", url, **kw)


def post(url, **kw):
    return request("POST", url, **kw)


def put(url, **kw):
    return request("PUT", url, **kw)


def patch(url, **kw):
    return request("PATCH", url, **kw)


def delete(url, **kw):
    return request("DELETE", url, **kw)
