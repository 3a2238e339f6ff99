# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Frozen modules for protocols, against servers of this machine: requests, mip, ntptime."""

import json
import re
import socket
import struct
import threading
from base64 import b64decode
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.guest.conftest import Boot
from tools.guest import Guest
from tools.lan import Lan

HOST, GUEST = "192.168.77.1", "192.168.77.5"


@pytest.fixture
def guest(boot: Boot, lan: Lan) -> Guest:
    """One that has a static address."""
    nic = lan.add_tap("tap0", [f"{HOST}/24"])
    guest = boot(nics=[nic], cmdline=f"ip={GUEST}:::24::eth0:off")
    guest.wait_for_prompt()
    return guest


_MODULE = b"value = 42\n"
_DEPENDENCY = b"other = 7\n"
_SUM, _OTHER_SUM = (sha256(content).hexdigest()[:8] for content in (_MODULE, _DEPENDENCY))
_PACKAGES: dict[str, object] = {
    "thing/latest": {
        "v": 1,
        "hashes": [["thing/__init__.py", _SUM], ["thing/data.txt", _OTHER_SUM]],
        "deps": [["other", "1.2"]],
    },
    "other/1.2": {"v": 1, "hashes": [["other.py", _OTHER_SUM]]},
    "broken/latest": {"v": 1, "hashes": [["broken.py", "0" * 8]]},
    "evil/latest": {"v": 1, "hashes": [["../evil.py", _SUM]]},
}
_FILES = {_SUM: _MODULE, _OTHER_SUM: _DEPENDENCY, "0" * 8: b"another\n"}
"""Of a package index: by name and version, and by the start of the sum."""


_OK = b"HTTP/1.1 200 OK\r\n"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_NOISE = {
    "/noise": b"220 this is no HTTP\r\n",
    "/latin": b"HTTP/1.1 200 Tr\xe8s bien\r\nName: \xe9t\xe9\r\nOther: \xc3\xa9\r\n\r\n",
    "/interim": _CONTINUE * 9 + _OK + b"\r\nbody",
    "/interims": _CONTINUE * 10 + _OK + b"\r\n",
    "/headers": _OK + b"A: b\r\n" * 101 + b"\r\n",
    "/line": _OK + b"A: " + b"b" * 9000 + b"\r\n\r\n",
    "/status": b"HTTP/1.1 200 " + b"b" * 9000 + b"\r\n\r\n",
    "/chunk": _OK + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"x" * 9000 + b"\r\na\r\n0\r\n\r\n",
    "/trailers": _OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"A: b\r\n" * 101 + b"\r\n",
    "/head": _OK + b"A: b\r\n",
}
"""What a server says that is none, or an odd one."""


class _Site(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""

    def _answer(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def do_GET(self) -> None:
        if self.path == "/hello?a=1":
            self._answer(b"Hello!", X_Name="value")
        elif self.path.startswith("/redirect/"):
            left = int(self.path.rpartition("/")[2])
            to = f"/redirect/{left - 1}" if left else "/hello?a=1"
            self._answer(b"", 302, Location=to)
        elif match := re.fullmatch(r"/pi/package/(?:6|py)/(.*)\.json", self.path):
            package = _PACKAGES.get(match[1])
            self._answer(json.dumps(package).encode(), 200 if package else 404)
        elif match := re.fullmatch(r"/pi/file/(..)/(\1.*)", self.path):
            self._answer(_FILES[match[2]])
        elif self.path == "/project/package.json":
            self._answer(b'{"v": 1, "urls": [["project/a.py", "a.py"]], "deps": []}')
        elif self.path in ("/project/a.py", "/single.py"):
            self._answer(_MODULE)
        elif self.path == "/auth":
            self._answer(b64decode(self.headers["Authorization"].removeprefix("Basic ")))
        elif self.path == "/chunked":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in (b"one ", b"two ", b"3" * 10000):
                self.wfile.write(b"%x;extension\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\nTrailer: x\r\n\r\n")
        elif self.path == "/short":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"short")
            self.close_connection = True
        elif noise := _NOISE.get(self.path):
            self.wfile.write(noise)
            self.close_connection = True
        else:
            self._answer(b"no", 404)

    do_HEAD = do_GET

    def do_POST(self) -> None:
        body = self._body()
        said = {"type": self.headers.get("Content-Type"), "length": len(body)}
        self._answer(
            json.dumps(said | {"method": self.command, "start": body[:9].decode()}).encode()
        )

    do_PUT = do_PATCH = do_DELETE = do_POST


@pytest.fixture
def site(lan: Lan, guest: Guest) -> Iterator[str]:
    """The address of a server; the guest's interface is there first."""
    with lan.inside():
        server = ThreadingHTTPServer((HOST, 0), _Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://{HOST}:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_requests(guest: Guest, site: str) -> None:
    code = f"""
import requests
site = {site!r}
def kind(f, *args, **kw):
    try: return f(*args, **kw)
    except Exception as e: return type(e).__name__
r = requests.get(site + '/hello?a=1')
print(r.status_code, r.reason, r.text, r.content, r.headers['X_Name'])
print(requests.head(site + '/hello?a=1').content, requests.get(site + '/nothing').status_code)
for f in requests.post, requests.put, requests.patch, requests.delete:
    print(sorted(f(site + '/', json={{'a': 1}}).json().items()))
print(requests.post(site + '/', data=(b'x' * 1000 for i in range(5))).json()['length'])
plain = {{'Content-Type': 'text/plain'}}
print(requests.post(site + '/', data='text', headers=plain).json()['type'])
r = requests.get(site + '/redirect/3'); print(r.text, r.url == site + '/hello?a=1')
print(kind(requests.get, site + '/redirect/100'))
print(len(requests.get(site + '/chunked').content))
with requests.get(site + '/chunked', stream=True) as r: print(r.raw.read(6), r.raw.read(4))
print(requests.get(site + '/auth', auth=('user', 'p:w')).text)
print(kind(lambda: requests.get(site + '/short').content), kind(requests.get, site + '/noise'))
print(kind(requests.get, 'ftp://a/b'), kind(requests.get, site, headers={{'A': 'b\\r\\nC: d'}}))
"""
    bodies = [
        f"[('length', 8), ('method', '{method}'), ('start', '{{\"a\": 1}}'),"
        " ('type', 'application/json')]"
        for method in ("POST", "PUT", "PATCH", "DELETE")
    ]
    assert guest.output_of(code).splitlines() == [
        "200 OK Hello! b'Hello!' value",
        "b'' 404",
        *bodies,
        "5000",
        "text/plain",
        "Hello! True",
        "OSError",
        "10008",
        "b'one tw' b'o 33'",
        "user:p:w",
        "OSError ValueError",
        "ValueError ValueError",
    ]


def test_odd_responses(guest: Guest, site: str) -> None:
    code = f"""
import requests
def kind(name):
    try: return requests.get({site!r} + '/' + name).content
    except Exception as e: return type(e).__name__
r = requests.get({site!r} + '/latin')
print(r.reason, r.headers['Name'], r.headers['Other'])
for name in {[path[1:] for path in _NOISE if path != "/latin"]!r}: print(name, kind(name))
"""
    assert guest.output_of(code).splitlines() == [
        "Très bien été é",
        "noise ValueError",
        "interim b'body'",
        "interims ValueError",
        "headers ValueError",
        "line ValueError",
        "status ValueError",
        "chunk ValueError",
        "trailers ValueError",
        "head OSError",
    ]


def test_packages_by_mip(guest: Guest, site: str) -> None:
    code = f"""
import mip, os
def install(package, **kw):
    try: mip.install(package, index={site!r} + '/pi', **kw)
    except Exception as e: print(type(e).__name__)
install('thing')
import thing, other
print(thing.value, other.other, sorted(os.listdir('/lib')))
install('thing')
install({site!r} + '/project/')
install({site!r} + '/single.py', target='/there')
install('broken'); install('evil'); install('nobody')
print(sorted(os.listdir('/lib')), os.listdir('/there'), sorted(os.listdir('/')))
"""
    assert guest.output_of(code).splitlines() == [
        "Installed: /lib/thing/__init__.py",
        "Installed: /lib/thing/data.txt",
        "Installed: /lib/other.py",
        "Done",
        "42 7 ['other.py', 'thing']",
        "Exists: /lib/thing/__init__.py",
        "Exists: /lib/thing/data.txt",
        "Exists: /lib/other.py",
        "Done",
        "Installed: /lib/project/a.py",
        "Done",
        "Installed: /there/single.py",
        "Done",
        "Installed: /lib/broken.py",
        "OSError",
        "ValueError",
        "OSError",
        "['other.py', 'project', 'thing'] ['single.py'] ['lib', 'there']",
    ]


def test_the_time_by_ntp(guest: Guest, lan: Lan) -> None:
    with lan.inside():
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind((HOST, 123))
    # 2026, and the first second of the era that begins in 2036; a client's packet, a short one.
    answers = [
        struct.pack("!BB38xII", 0x24, 2, 4_000_000_000 - 4000, 0),
        struct.pack("!BB38xII", 0x24, 2, 0, 0),
        struct.pack("!BB38xII", 0x23, 2, 4_000_000_000, 0),
        b"short",
    ]

    def serve() -> None:
        for answer in answers:
            _, where = server.recvfrom(100)
            server.sendto(answer, where)

    with server:
        server.settimeout(60)
        thread = threading.Thread(target=serve)
        thread.start()
        code = f"""
import ntptime, time
ntptime.host, ntptime.timeout = {HOST!r}, 20
ntptime.settime()
print(0 <= time.time() - ({4_000_000_000 - 4000} - 2208988800) < 60)
print(ntptime.time() == (1 << 32) - 2208988800)
for i in range(2):
    try: ntptime.time()
    except OSError as e: print(e)
"""
        said = guest.output_of(code).splitlines()
        thread.join()
    assert said == ["True", "True", *["no NTP server's answer"] * 2]
