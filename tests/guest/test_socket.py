# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""socket, over the loopback interface: what a program sees of it, without any network."""

import pytest

from tests.guest.conftest import Boot
from tools.guest import Guest

HELPERS = """
import _thread, errno, gc, select, socket, time
def kind(f, *args):
    try: return f(*args)
    except OSError as e: return type(e).__name__ + ' ' + errno.errorcode.get(e.errno, str(e.errno))
    except Exception as e: return type(e).__name__
def pair(timeout=5):
    both = socket.socketpair()
    for one in both: one.settimeout(timeout)
    return both
def later(ms, f, *args):
    def run():
        time.sleep_ms(ms)
        f(*args)
    _thread.start_new_thread(run, ())
def since(start): return time.ticks_diff(time.ticks_ms(), start)
"""


def said(guest: Guest, code: str) -> list[str]:
    return guest.output_of(HELPERS + code).splitlines()


def test_a_stream_carries_bytes_in_order(shared_guest: Guest) -> None:
    code = """
a, b = pair()
data = bytes(range(256)) * 4096
got = bytearray(len(data))
def read():
    at = 0
    while at < len(got): at += b.recv_into(memoryview(got)[at:])
    done.append(at)
done = []
_thread.start_new_thread(read, ())
a.sendall(data)
while not done: time.sleep_ms(1)
print(done, got == data)
a.close()
print(b.recv(10), b.read(), kind(b.send, b'x') in (1, 'OSError ECONNRESET', 'OSError ENOTCONN'))
"""
    assert said(shared_guest, code) == ["[1048576] True", "b'' b'' True"]


def test_lines(shared_guest: Guest) -> None:
    code = """
a, b = pair()
a.sendall(b'one\\n\\ntwo\\r\\n' + bytes(1000) + b'\\nrest')
print(b.readline(), b.readline(), b.readline(100), len(b.readline()), b.recv(1))
b.setblocking(False)
print(b.readline(2), b.readline(), b.readline(), b.readline(0))
a.sendall(b'later'); b.settimeout(0.1)
print(kind(b.readline))
b.settimeout(5); later(50, a.sendall, b'end\\n')
print(b.readline())
a.sendall(b'last'); a.close()
print(b.readline(), b.readline())
"""
    assert said(shared_guest, code) == [
        "b'one\\n' b'\\n' b'two\\r\\n' 1001 b'r'",
        "b'es' b't' None b''",
        "timeout ETIMEDOUT",
        "b'end\\n'",
        "b'last' b''",
    ]


def test_datagrams_are_whole_and_say_whose_they_are(shared_guest: Guest) -> None:
    code = """
for family, host in (socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1'):
    a, b = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_DGRAM)
    a.settimeout(5); b.settimeout(5)
    a.bind((host, 0)); b.bind((host, 0))
    for size in 0, 1, 1400, 20000:
        print(b.sendto(bytes(size), a.getsockname()), end=' ')
        got, where = a.recvfrom(65535)
        print(len(got), where == b.getsockname(), len(where), end=' ')
    b.connect(a.getsockname()); b.send(b'12345'); b.send(b'67')
    print(a.recv(3), a.recv(10), b.getpeername() == a.getsockname())
"""
    expected = "0 0 True {0} 1 1 True {0} 1400 1400 True {0} 20000 20000 True {0} b'123' b'67' True"
    assert said(shared_guest, code) == [expected.format(2), expected.format(4)]


def test_errors_are_those_of_posix(shared_guest: Guest) -> None:
    code = """
s = socket.socket()
print(kind(s.connect, ('127.0.0.1', 81)), kind(socket.socket().recv, 1), kind(socket.socket, 99))
one = socket.create_server(('127.0.0.1', 82))
print(kind(socket.create_server, ('127.0.0.1', 82)), kind(one.connect, ('127.0.0.1', 82)))
print(kind(s.connect, ('127.0.0.1', 65536)), kind(s.connect, '127.0.0.1'))
print(kind(s.connect, ('1::2', 80)))
print(kind(s.setsockopt, socket.SOL_SOCKET, 12345, 1), kind(s.getsockname) != None)
s.close()
print(s.fileno(), kind(s.recv, 1), kind(s.send, b'x'), kind(s.getsockname), s.close())
a, b = pair(0)
print(kind(a.recv, 1), kind(one.setblocking, False), kind(one.accept))
print(kind(socket.getaddrinfo, '1.2.3.4', '80x'), kind(socket.getaddrinfo, '', -1))
twice = socket.socket(); twice.bind(('127.0.0.1', 83))
print(kind(twice.bind, ('127.0.0.1', 84)), kind(twice.bind, ('10.9.9.9', 0)), kind(twice.accept))
"""
    assert said(shared_guest, code) == [
        "OSError ECONNREFUSED OSError ENOTCONN OSError EAFNOSUPPORT",
        "OSError EADDRINUSE OSError EISCONN",
        "OverflowError TypeError",
        "gaierror -2",
        "OSError ENOPROTOOPT True",
        "-1 OSError EBADF OSError EBADF OSError EBADF None",
        "OSError EAGAIN None OSError EAGAIN",
        "gaierror -8 OverflowError",
        "OSError EINVAL OSError EADDRNOTAVAIL OSError EINVAL",
    ]


@pytest.mark.parametrize("call", ["a.recv(1)", "a.recvfrom(1)", "a.read(1)", "server.accept()"])
def test_a_timeout_ends_a_wait(shared_guest: Guest, call: str) -> None:
    code = f"""
a, b = pair(0.2)
server = socket.create_server(('127.0.0.1', 0)); server.settimeout(0.2)
start = time.ticks_ms()
try: {call}
except OSError as e: print(e.errno == errno.ETIMEDOUT, 150 < since(start) < 5000)
print(a.gettimeout(), pair(None)[0].gettimeout(), pair(0)[0].gettimeout())
"""
    assert said(shared_guest, code) == ["True True", "0.2 None 0.0"]


@pytest.mark.parametrize(
    "call", ["a.recv(1)", "a.sendall(bytes(1 << 22))", "server.accept()", "datagrams.recv(1)"]
)
def test_a_close_ends_a_wait(shared_guest: Guest, call: str) -> None:
    code = f"""
a, b = pair(None)
server = socket.create_server(('127.0.0.1', 0))
datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); datagrams.bind(('127.0.0.1', 0))
for one in a, server, datagrams: later(100, one.close)
print(kind(lambda: {call}))
"""
    assert said(shared_guest, code) == ["OSError EBADF"]


@pytest.mark.parametrize("wait", ["a.recv(1)", "server.accept()", "p.poll()", "p.poll(60000)"])
def test_ctrl_c_ends_a_wait(shared_guest: Guest, wait: str) -> None:
    code = f"""{HELPERS}
a, b = pair(None)
server = socket.create_server(('127.0.0.1', 0))
p = select.poll(); p.register(a, select.POLLIN)
print('now')
try: {wait}
except KeyboardInterrupt: b.send(b'x'); print(a.recv(1), p.poll(0))
"""
    shared_guest.repl.start(code.encode(), shared_guest.timeout)
    shared_guest.read_until(b"now\r\n")
    shared_guest.write(b"\x03")
    assert shared_guest.read_until(b"\x04") == b"b'x' []\r\n\x04"
    assert shared_guest.repl.finish(shared_guest.timeout) == b""


def test_poll_says_what_sockets_are_ready_for(shared_guest: Guest) -> None:
    code = """
a, b = pair()
server = socket.create_server(('127.0.0.1', 0))
p = select.poll()
def events(timeout=0): return sorted(flags for _, flags in p.poll(timeout))
p.register(a, select.POLLIN); print(events())
p.modify(a, select.POLLIN | select.POLLOUT); print(events())
b.send(b'x'); print(events(100)); a.recv(1); print(events())
p.modify(a, select.POLLIN)
p.register(server, select.POLLIN)
c = socket.create_connection(server.getsockname()); print(events(1000))
server.accept(); print(events())
start = time.ticks_ms(); later(100, b.send, b'y'); print(events(5000), since(start) < 2000)
a.recv(1)
start = time.ticks_ms(); print(events(100), 80 < since(start) < 2000)
b.close(); print(events(1000), a.recv(1))
a.close(); print(events())
"""
    assert said(shared_guest, code) == [
        "[]",
        "[4]",
        "[5]",
        "[4]",
        "[1]",
        "[]",
        "[1] True",
        "[] True",
        "[1] b''",
        "[32]",
    ]


def test_what_nobody_refers_to_is_closed(shared_guest: Guest) -> None:
    code = """
a, b = pair()
del a
gc.collect()
print(b.recv(1))
for i in range(3000):
    s = socket.socket(); s.bind(('127.0.0.1', 0))
print('all')
"""
    assert said(shared_guest, code) == ["b''", "all"]


def test_a_close_that_should_linger(shared_guest: Guest) -> None:
    code = """
import struct
a, b = pair()
a.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 5))
a.setblocking(False)
sent = got = 0
try:
    while True: sent += a.send(bytes(65536))
except OSError as e: print(e.errno == errno.EAGAIN)
a.close()
while (one := b.recv(65536)): got += len(one)
print(got == sent)
"""
    assert said(shared_guest, code) == ["True", "True"]


def test_a_socket_whose_connection_both_have_ended(shared_guest: Guest) -> None:
    code = """
import struct
for i in range(200):
    a, b = pair()
    a.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    a.shutdown(socket.SHUT_WR)
    b.send(b'last')
    b.close()
    assert a.recv(10) + a.recv(10) == b'last'
    a.close()
a, b = pair()
print(a.send(b'more'), b.recv(10))
"""
    assert said(shared_guest, code) == ["4 b'more'"]


def test_many_connections_at_once(boot: Boot) -> None:
    guest = boot(memory="256M", cpus=2)
    guest.wait_for_prompt()
    code = """
server = socket.create_server(('127.0.0.1', 0), backlog=200)
ours, theirs = [], []
for i in range(300):
    ours.append(socket.create_connection(server.getsockname()))
    theirs.append(server.accept()[0])
for i, s in enumerate(ours): s.send(b'%d' % i)
print(all(s.recv(10) == b'%d' % i for i, s in enumerate(theirs)))
"""
    assert said(guest, code) == ["True"]


def test_a_server_of_asyncio(shared_guest: Guest) -> None:
    code = """
import asyncio
async def answer(reader, writer):
    while line := await reader.readline():
        writer.write(line.upper()); await writer.drain()
    writer.close(); await writer.wait_closed()
async def ask(number):
    reader, writer = await asyncio.open_connection('127.0.0.1', port)
    out = []
    for i in range(3):
        writer.write(b'client %d line %d\\n' % (number, i)); await writer.drain()
        out.append(await reader.readline())
    writer.close(); await writer.wait_closed()
    return out == [b'CLIENT %d LINE %d\\n' % (number, i) for i in range(3)]
async def main():
    global port
    port = 7000
    server = await asyncio.start_server(answer, '127.0.0.1', port, backlog=50)
    print(all(await asyncio.gather(*(ask(i) for i in range(40)))))
    server.close(); await server.wait_closed()
asyncio.run(main())
"""
    assert said(shared_guest, code) == ["True"]


def test_interpreters_accept_from_one_socket(boot: Boot) -> None:
    guest = boot(cpus=2)
    guest.wait_for_prompt()
    code = """
from concurrent import interpreters
def serve(listener):
    count = 0
    while True:
        one, _ = listener.accept()
        with one:
            if one.recv(10) == b'end': return count
            one.sendall(b'answer')
            count += 1
counts = []
def run(): counts.append(interpreters.create().call(serve, listener))
listener = socket.create_server(('127.0.0.1', 0), backlog=50)
where = listener.getsockname()
for i in range(3): _thread.start_new_thread(run, ())
time.sleep_ms(300)
listener.close()  # Theirs goes on.
def ask(what):
    with socket.create_connection(where) as s:
        s.sendall(what)
        return s.recv(10)
print([ask(b'ask') for i in range(20)] == [b'answer'] * 20)
for i in range(3): ask(b'end')
while len(counts) < 3: time.sleep_ms(1)
print(sum(counts))
"""
    assert said(guest, code) == ["True", "20"]


def test_options(shared_guest: Guest) -> None:
    code = """
s = socket.socket()
for level, option, value in (
    (socket.SOL_SOCKET, socket.SO_REUSEADDR, 1), (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5), (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.SOL_SOCKET, socket.SO_RCVBUF, 65536), (socket.IPPROTO_IP, socket.IP_TTL, 7),
):
    s.setsockopt(level, option, value)
    got = s.getsockopt(level, option)
    print(bool(got) if value == 1 else got, end=' ')
print(s.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == socket.SOCK_STREAM, end=' ')
print(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR, 4))
"""
    expected = "True True True 30 5 3 65536 7 True b'\\x00\\x00\\x00\\x00'"
    assert said(shared_guest, code) == [expected]
