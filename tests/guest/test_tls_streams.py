# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""ssl: what a program does with a connection, within one guest; DTLS."""

from tests.guest.tls_peers import GUEST
from tools import sources
from tools.guest import Guest

PAIR = """
def pair(settings=lambda context: None):
    a, b = socket.socketpair()
    ends = []
    def shake(): ends.append(serving().wrap_socket(b, server_side=True))
    _thread.start_new_thread(shake, ())
    context = trusting(); settings(context)
    a = context.wrap_socket(a, server_hostname='guest.test')
    while not ends: time.sleep_ms(1)
    return a, ends[0]
"""


def test_two_threads_use_both_directions(tls_guest: Guest) -> None:
    code = (
        PAIR
        + """
a, b = pair()
size = 2000000
got = {}
def read(end, name):
    sum, left = hashlib.sha256(), size
    while left:
        data = end.recv(left); sum.update(data); left -= len(data)
    got[name] = sum.digest()
def write(end, byte): end.sendall(bytes([byte]) * size)
for end, name, byte in ((a, 'a', 1), (b, 'b', 2)):
    _thread.start_new_thread(read, (end, name)); _thread.start_new_thread(write, (end, byte))
while len(got) < 2: time.sleep_ms(10)
print([got[n] == hashlib.sha256(bytes([i]) * size).digest() for n, i in (('a', 2), ('b', 1))])
# Writers take turns: no record is torn.
def some(byte):
    for _ in range(50): a.sendall(bytes([byte]) * 1000)
for byte in range(4): _thread.start_new_thread(some, (byte,))
left = [50000] * 4
while any(left):
    for byte in b.recv(4096): left[byte] -= 1
print(left)
"""
    )
    assert tls_guest.output_of(code, 120) == "[True, True]\n[0, 0, 0, 0]\n"


def test_waiting_ends(tls_guest: Guest) -> None:
    code = (
        PAIR
        + """
import gc, select
a, b = pair()
a.settimeout(0.05)
print(kind(a.recv, 10))
a.settimeout(None)
b.write(b'late'); print(a.recv(10))
def wait():
    try: told.append(a.recv(10))
    except OSError as e: told.append(e.errno)
told = []
_thread.start_new_thread(wait, ())
time.sleep_ms(50)
a.close()                           # While another thread waits in it.
while not told: time.sleep_ms(1)
print(told, kind(a.recv, 1), kind(a.write, b'x'), a.cipher(), kind(getattr, a, 'settimeout'))
print(b.recv(10))                   # The end, as it was told.
b.close(); b.close()
a, b = pair()
a.setblocking(False)
poll = select.poll(); poll.register(a, select.POLLIN)
print(a.read(1), poll.poll(0))
b.write(b'12345'); print(len(poll.poll(1000)), a.read(2), len(poll.poll(0)), a.pending(), a.read(9))
print(a.unwrap().recv is not None, b.recv(1))
del a, b
for _ in range(3): gc.collect()
before = gc.mem_alloc()
for _ in range(20): a, b = pair(); a.close(); b.close(); del a, b; gc.collect()
print(gc.mem_alloc() - before < 20000)
"""
    )
    assert tls_guest.output_of(code, 120).splitlines() == [
        "timeout: timed out",
        "b'late'",
        "[9] OSError: 9 OSError: 9 None OSError: 9",
        "b''",
        "None []",
        "1 b'12' 1 3 b'345'",
        "True b''",
        "True",
    ]


def test_garbage_ends_a_connection_only(tls_guest: Guest) -> None:
    code = """
import os
def shake(data, server):
    a, b = socket.socketpair()
    b.sendall(data); b.shutdown(socket.SHUT_WR)
    context = serving() if server else trusting()
    name = None if server else 'guest.test'
    try: context.wrap_socket(a, server_side=server, server_hostname=name)
    except OSError as e: return e.args[0] < 0 or e.args[0] in (32, 104)
    finally: a.close(); b.close()
fine = True
for server in (True, False):
    for size in (0, 1, 4, 5, 6, 100, 16384, 70000):
        fine = fine and shake(os.urandom(size), server)
        fine = fine and shake(b'\\x16\\x03\\x01' + os.urandom(size), server)
        fine = fine and shake(b'\\x16\\x03\\x03\\x40\\x00\\x01\\x00' + os.urandom(size), server)
print(fine)
"""
    assert tls_guest.output_of(code, 120) == "True\n"


def test_upstreams_test_of_poll(tls_guest: Guest) -> None:
    """That its own runner leaves out but on the unix port; it prints where it fails."""
    program = (sources.micropython().path / "tests" / "extmod" / "ssl_poll.py").read_text()
    assert tls_guest.output_of(program, 60) == ""


def test_dtls(tls_guest: Guest) -> None:
    """Through a thread between the two that loses some datagrams."""
    code = """
import tls
def bound():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', 0)); return s
server, middle, client = bound(), bound(), bound()
address = {s: s.getsockname() for s in (server, middle, client)}
lost = []
def carry():
    count = 0
    while True:
        data, sender = middle.recvfrom(2000)
        count += 1
        if count in (2, 5): lost.append(count); continue
        middle.sendto(data, address[client if sender == address[server] else server])
_thread.start_new_thread(carry, ())
server.connect(address[middle]); client.connect(address[middle])
said = []
def serve():
    context = tls.SSLContext(tls.PROTOCOL_DTLS_SERVER)
    context.load_cert_chain(open('/guest.pem').read(), open('/guest.key').read())
    secure = context.wrap_socket(server, server_side=True)
    for _ in range(3):
        data = secure.recv(100); said.append(data); secure.send(data.upper())
_thread.start_new_thread(serve, ())
context = tls.SSLContext(tls.PROTOCOL_DTLS_CLIENT)
context.load_verify_locations(open('/ca.pem').read())
secure = context.wrap_socket(client, server_hostname='guest.test')
for i in range(3):
    secure.send(b'datagram %d' % i); print(secure.recv(100))
print(secure.version(), said[0], lost)
"""
    assert tls_guest.output_of(code, 60).splitlines() == [
        *(f"b'DATAGRAM {i}'" for i in range(3)),
        "DTLSv1.2 b'datagram 0' [2, 5]",
    ]


def test_requests(tls_guest: Guest) -> None:
    """By the authorities of the disk; an address is a name that a certificate may have."""
    code = f"""
import requests
def serve():
    context = serving()
    listener = socket.create_server(('', 8443))
    while True:
        plain, _ = listener.accept()
        try:
            with context.wrap_socket(plain, server_side=True) as secure:
                while secure.readline() != b'\\r\\n': pass
                secure.write(b'HTTP/1.0 200 OK\\r\\n\\r\\nfine')
        except OSError: plain.close()
_thread.start_new_thread(serve, ())
time.sleep_ms(50)
print(requests.get('https://127.0.0.1:8443/').text)
print(kind(requests.get, 'https://{GUEST}:8443/'))
"""
    assert tls_guest.output_of(code, 60).splitlines() == [
        "fine",
        "ValueError: The certificate Common Name (CN) does not match with the expected CN",
    ]


def test_what_would_wait_is_written_once(tls_guest: Guest) -> None:
    """A write that would wait is made again with more behind it, as asyncio does."""
    code = (
        PAIR
        + """
a, b = pair()
a.setblocking(False)
data = bytes(range(251)) * 8000
start = end = 0
while (n := a.write(memoryview(data)[start:start + 3616])) is not None: start += n  # It is full.
got = bytearray()
def read():
    while len(got) < len(data): got.extend(b.recv(65536))
_thread.start_new_thread(read, ())
size = 3616
while start < len(data):
    size += 1000                                           # More than the record that waits has.
    n = a.write(memoryview(data)[start:start + size])
    if n is None: time.sleep_ms(1)
    else: start += n; size = 3616
while len(got) < len(data): time.sleep_ms(1)
print(bytes(got) == data)
"""
    )
    assert tls_guest.output_of(code, 120) == "True\n"


def test_the_end_is_told_again(tls_guest: Guest) -> None:
    code = (
        PAIR
        + """
import select
a, b = pair()
b.write(b'12345'); b.unwrap()                              # The connection itself stays.
print(a.read(10), a.read(10), a.readline(), a.recv(1))
poll = select.poll(); poll.register(a, select.POLLIN)
print(len(poll.poll(0)))
"""
    )
    assert tls_guest.output_of(code).splitlines() == ["b'12345' b'' b'' b''", "1"]


def test_what_a_callback_raises(tls_guest: Guest) -> None:
    """It comes out of the handshake, costs no memory, and what it was given may be kept."""
    code = (
        PAIR
        + """
import gc
kept = []
def refuse(der, depth):
    kept.append(der)
    raise KeyError(depth)
def settings(context): context.verify_callback = refuse
def once():
    a, b = socket.socketpair()
    def shake():
        try: serving().wrap_socket(b, server_side=True)
        except OSError: pass
        finally: b.close(); ended.append(1)
    ended = []
    _thread.start_new_thread(shake, ())
    context = trusting(); settings(context)
    said = kind(context.wrap_socket, a, server_hostname='guest.test')
    a.close()
    while not ended: time.sleep_ms(1)
    return said
print(once(), bytes(kept[0])[:2] == b'0\\x82')
kept.clear()
for _ in range(3): gc.collect()
before = gc.mem_alloc()
for _ in range(20): once(); kept.clear(); gc.collect(); gc.collect()
print(gc.mem_alloc() - before < 20000)
"""
    )
    assert tls_guest.output_of(code, 60).splitlines() == ["KeyError: 1 True", "True"]


def test_trust_is_that_of_the_check(tls_guest: Guest) -> None:
    """A session of before the rules changed is refused, also where it is asked for afterwards."""
    code = (
        PAIR
        + """
a, b = socket.socketpair()
def echo(b, context):
    try:
        with context.wrap_socket(b, server_side=True) as secure: secure.write(secure.recv(10))
    except OSError as e: pass
server = serving()
def talk(context, **kw):
    a, b = socket.socketpair()
    _thread.start_new_thread(echo, (b, server))
    secure = context.wrap_socket(a, server_hostname='guest.test', **kw)
    secure.write(b'hello'); secure.recv(10)
    return secure
import tls
context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
context.load_verify_locations(open('/ca.pem').read())
context.verify_mode = tls.CERT_NONE
before = talk(context)
context.verify_mode = tls.CERT_REQUIRED
print(kind(talk, context, session=before.session))
good = talk(context)
print(talk(context, session=good.session).session_reused)
server.verify_callback = lambda der, depth: 0
print(talk(context, session=good.session).session_reused)  # The server's tickets are others.
print(kind(context.wrap_socket, a, server_hostname='guest.test\\0.evil'))
"""
    )
    assert tls_guest.output_of(code, 60).splitlines() == [
        "ValueError: Session refers to a different SSLContext.",
        "True",
        "False",
        "ValueError: embedded null character",
    ]
