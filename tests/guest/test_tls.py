# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""ssl: the guest as client and server of OpenSSL, by Python's ssl on this machine."""

import contextlib
import hashlib
import os
import ssl
from collections.abc import Iterator

import pytest

from tests.guest.tls_peers import GUEST, HOST, Authority, Server, server_context
from tools.guest import Guest
from tools.lan import Lan

_OTHER = (
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBdzCCAR2gAwIBAgIUTZKQ1i0g0/g7Qa/0CI9Npv4cvFUwCgYIKoZIzj0EAwIw\n"
    "EDEOMAwGA1UEAwwFb3RoZXIwIBcNMjYxMTI3MTcxNTQ3WhgPMjEyNjExMDMxNzE1\n"
    "NDdaMBAxDjAMBgNVBAMMBW90aGVyMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n"
    "eINXwNNqlPguUbnE0idsctd6PVUwT6ryqPNxvMUA1q7Vsxo7yBSzl9daM/KU53B5\n"
    "dTer1Eyoi3XIAU+zwgqopqNTMFEwHQYDVR0OBBYEFK5t8h4WAtslvPj9ajyk4W2V\n"
    "ArFSMB8GA1UdIwQYMBaAFK5t8h4WAtslvPj9ajyk4W2VArFSMA8GA1UdEwEB/wQF\n"
    "MAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIgJMY7CY70YaBHD7rheVoTom23Hf2y0bL/\n"
    "OvunsxzoDaACIQDtuv4vV0vL5tUsoWgsdP2MsPnGDAIBfePbPH/GqBRE9w==\n"
    "-----END CERTIFICATE-----\n"
)
"""One that has signed nothing: openssl req -x509 -newkey ec … -days 36500 -subj /CN=other."""


@pytest.fixture
def server(lan: Lan, tls_guest: Guest, authority: Authority) -> Iterator[Server]:
    server = Server(lan, server_context(authority))
    yield server
    server.close()


CONNECT = """
def talk(context, name='host.test', data=b'hello'):
    plain = socket.create_connection((%r, %d)); plain.settimeout(60)
    try:
        secure = context.wrap_socket(plain, server_hostname=name)
        secure.write(data)
        got = b''
        while len(got) < len(data): got += secure.read(len(data) - len(got))
        how = secure.cipher()
        secure.close()
        return got, how[1]
    finally: plain.close()
"""


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_a_client_of_each_version(
    tls_guest: Guest, lan: Lan, authority: Authority, version: str
) -> None:
    context = server_context(authority)
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    server = Server(lan, context)
    code = CONNECT % (HOST, server.port) + "print(kind(talk, trusting()))"
    assert tls_guest.output_of(code) == f"(b'HELLO', '{version.replace('_', '.')}')\n"
    server.close()


def test_whom_a_client_trusts(tls_guest: Guest, server: Server) -> None:
    code = (
        CONNECT % (HOST, server.port)
        + f"""
print(kind(talk, ssl.create_default_context()) == kind(talk, trusting()))
print(kind(talk, trusting(), 'other.test'))
print(kind(talk, ssl.create_default_context(cadata={_OTHER!r})))
print(kind(talk, ssl._create_unverified_context(), None))
print(kind(talk, trusting(), None))
print(kind(talk, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)))
print(kind(ssl.create_default_context, cafile='/nobody.pem'))
print(kind(ssl.create_default_context, cadata='x'))
machine.RTC().datetime((2000, 1, 1, 0, 0, 0, 0, 0))
print(kind(talk, trusting()))
machine.RTC().datetime((2060, 1, 1, 0, 0, 0, 0, 0))
print(kind(talk, trusting()))
"""
    )
    assert tls_guest.output_of(code).splitlines() == [
        "True",
        "ValueError: The certificate Common Name (CN) does not match with the expected CN",
        "ValueError: The certificate is not correctly signed by the trusted CA",
        "(b'HELLO', 'TLSv1.3')",
        "ValueError: CERT_REQUIRED requires server_hostname",
        "OSError: no certificate authorities: give create_default_context() a cafile, name one by"
        " SSL_CERT_FILE, or set verify_mode to CERT_NONE",
        "OSError: 2",
        "ValueError: invalid cert",
        "ValueError: The certificate validity starts in the future",
        "ValueError: The certificate validity has expired",
    ]


def test_a_server(tls_guest: Guest, lan: Lan, authority: Authority) -> None:
    code = """
context = serving()
listener = socket.create_server(('', 443))
def serve():
    while True:
        plain, _ = listener.accept(); plain.settimeout(60)
        try:
            secure = context.wrap_socket(plain, server_side=True)
            sum, left = hashlib.sha256(), 1000000
            while left:
                data = secure.read(min(left, 65536)); sum.update(data); left -= len(data)
            secure.write(sum.digest()); secure.write(bytes(1000000)); secure.close()
        except OSError as e: errors.append(e)
        finally: plain.close()
errors = []
_thread.start_new_thread(serve, ())
"""
    tls_guest.output_of(code)
    context = ssl.create_default_context(cafile=authority.file("ca"))
    data = os.urandom(1_000_000)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context.minimum_version = context.maximum_version = version
        with context.wrap_socket(
            lan.connect(GUEST, 443, 100), server_hostname="guest.test"
        ) as secure:
            secure.sendall(data)
            reader = secure.makefile("rb")
            assert reader.read(32) == hashlib.sha256(data).digest()
            assert reader.read(1_000_000) == bytes(1_000_000)
    with pytest.raises(ssl.SSLCertVerificationError):
        context.wrap_socket(lan.connect(GUEST, 443), server_hostname="other.test")
    # What is no TLS ends its own connection only.
    with lan.connect(GUEST, 443) as plain:
        plain.sendall(b"GET / HTTP/1.0\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert plain.recv(100)[:1] in (b"\x15", b"")  # An alert, or the end.
    assert tls_guest.output_of("print(len(errors) >= 1)") == "True\n"


def test_asyncio(tls_guest: Guest) -> None:
    code = """
server_context = serving()
async def answer(reader, writer):
    writer.write((await reader.readline()).upper()); await writer.drain()
    writer.close(); await writer.wait_closed()
async def ask(i):
    context = ssl.create_default_context(cafile='/ca.pem')
    reader, writer = await asyncio.open_connection(
        '127.0.0.1', 8443, ssl=context, server_hostname='guest.test')
    writer.write(b'client %d\\n' % i); await writer.drain()
    got = await reader.readline()
    writer.close()
    return got
async def main():
    server = await asyncio.start_server(answer, '127.0.0.1', 8443, ssl=server_context)
    print(sorted(await asyncio.gather(*(ask(i) for i in range(5)))))
    server.close()
asyncio.run(main())
"""
    expected = [b"CLIENT %d\n" % i for i in range(5)]
    assert tls_guest.output_of(code, 120) == f"{expected}\n"
