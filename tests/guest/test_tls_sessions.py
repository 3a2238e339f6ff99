# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""ssl: sessions that go on, protocols by ALPN, versions, certificates of clients; with OpenSSL."""

import ssl

import pytest

from tests.guest.tls_peers import GUEST, HOST, Authority, Server, server_context
from tools.guest import Guest
from tools.lan import Lan

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]

TALK = """
def talk(context, session=None, name='host.test'):
    with socket.create_connection((%r, %d), 60) as plain:
        with context.wrap_socket(plain, server_hostname=name, session=session) as secure:
            secure.sendall(b'hello')
            said = secure.recv(5), secure.session_reused, secure.selected_alpn_protocol()
            return said, secure.session
"""

SERVE = """
listener = socket.create_server(('', 443))
def serve(context):
    while True:
        plain, _ = listener.accept(); plain.settimeout(60)
        try:
            with context.wrap_socket(plain, server_side=True) as secure:
                data = secure.recv(100)
                protocol = secure.selected_alpn_protocol()
                secure.sendall(b'%s %s %s' % (data, secure.session_reused, protocol))
        except (OSError, ValueError) as e: errors.append(e)
        finally: plain.close()
errors = []
"""


def only(context: ssl.SSLContext, version: ssl.TLSVersion) -> ssl.SSLContext:
    context.minimum_version = context.maximum_version = version
    return context


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_goes_on_with_a_session(
    tls_guest: Guest, lan: Lan, authority: Authority, version: ssl.TLSVersion
) -> None:
    server = Server(lan, only(server_context(authority), version))
    code = (
        TALK % (HOST, server.port)
        + """
context = trusting()
said, session = talk(context)
print(said, type(session).__name__)
said, second = talk(context, session)
print(said, second is not None)
print(talk(context)[0][1])
print(kind(talk, trusting(), session))
print(kind(talk, context, session, 'other.test'))
print(kind(talk, context, 5))
context.verify_mode = ssl.CERT_NONE
print(kind(talk, context, session))
"""
    )
    assert tls_guest.output_of(code).splitlines() == [
        "(b'HELLO', False, None) SSLSession",
        "(b'HELLO', True, None) True",
        "False",
        "ValueError: Session refers to a different SSLContext.",
        "ValueError: Session refers to a different host",
        "TypeError: Value is not a SSLSession.",
        "ValueError: Session refers to a different SSLContext.",
    ]
    server.close()


def ask(
    lan: Lan, context: ssl.SSLContext, session: ssl.SSLSession | None = None
) -> tuple[bytes, ssl.SSLSession | None, bool | None, str | None]:
    """What the guest's server says, and what this end has of it."""
    plain = lan.connect(GUEST, 443)
    with context.wrap_socket(
        plain, server_hostname="guest.test", session=session, suppress_ragged_eofs=False
    ) as secure:
        secure.sendall(b"hello")
        said = b""
        while data := secure.recv(100):  # Its end is told, not only the connection's.
            said += data
        return said, secure.session, secure.session_reused, secure.selected_alpn_protocol()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_goes_on_with_a_session(
    tls_guest: Guest, lan: Lan, authority: Authority, version: ssl.TLSVersion
) -> None:
    tls_guest.output_of(SERVE + "_thread.start_new_thread(serve, (serving(),))")
    context = only(ssl.create_default_context(cafile=authority.file("ca")), version)
    said, session, reused, _ = ask(lan, context)
    assert (said, reused) == (b"hello False None", False)
    said, _, reused, _ = ask(lan, context, session)
    assert (said, reused) == (b"hello True None", True)
    assert tls_guest.output_of("print(errors)") == "[]\n"


def test_alpn(tls_guest: Guest, lan: Lan, authority: Authority) -> None:
    context = server_context(authority)
    context.set_alpn_protocols(["http/1.1", "h2"])
    server = Server(lan, context)
    code = (
        TALK % (HOST, server.port)
        + """
context = trusting()
context.set_alpn_protocols(['h3', 'h2', 'http/1.1'])
print(talk(context)[0][2])
print(kind(context.set_alpn_protocols, ['']))
print(kind(context.set_alpn_protocols, ['x' * 256]))
"""
    )
    assert tls_guest.output_of(code).splitlines() == [
        "http/1.1",  # OpenSSL's server, as Python sets it up, has its own order.
        "ValueError: ALPN protocols must be 1 to 255 in length",
        "ValueError: ALPN protocols must be 1 to 255 in length",
    ]
    server.close()
    code = "context = serving(); context.set_alpn_protocols(['h2', 'http/1.1'])\n"
    tls_guest.output_of(SERVE + code + "_thread.start_new_thread(serve, (context,))")
    client = ssl.create_default_context(cafile=authority.file("ca"))
    client.set_alpn_protocols(["http/1.1"])
    said, _, _, protocol = ask(lan, client)
    assert (said, protocol) == (b"hello False http/1.1", "http/1.1")


def test_versions(tls_guest: Guest, lan: Lan, authority: Authority) -> None:
    server = Server(lan, only(server_context(authority), ssl.TLSVersion.TLSv1_2))
    code = (
        TALK % (HOST, server.port)
        + """
context = trusting()
versions = ssl.TLSVersion
print(context.minimum_version == versions.TLSv1_2, context.maximum_version == versions.TLSv1_3)
context.minimum_version = ssl.TLSVersion.TLSv1_3
print(kind(talk, context))
print(kind(setattr, context, 'minimum_version', 0x301))
"""
    )
    assert tls_guest.output_of(code).splitlines() == [
        "True True",
        "OSError: MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE",
        "ValueError: TLS 1.2 and 1.3 are known here",
    ]
    server.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_certificates_of_clients(
    tls_guest: Guest, lan: Lan, authority: Authority, version: ssl.TLSVersion
) -> None:
    context = only(server_context(authority), version)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.file("ca"))
    server = Server(lan, context)
    code = (
        TALK % (HOST, server.port)
        + """
context = trusting()
print(kind(talk, context))
context.load_cert_chain('/guest.pem', '/guest.key')
print(talk(context)[0][0])
"""
    )
    refused, said = tls_guest.output_of(code).splitlines()
    # OpenSSL closes behind the alert: who still sends meets a reset.
    assert refused in ("OSError: MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE", "OSError: 104")
    assert said == "b'HELLO'"
    server.close()
    code = "context = serving(); context.verify_mode = ssl.CERT_REQUIRED\n"
    code += "context.load_verify_locations('/ca.pem')\n"
    tls_guest.output_of(SERVE + code + "_thread.start_new_thread(serve, (context,))")
    client = only(ssl.create_default_context(cafile=authority.file("ca")), version)
    with pytest.raises(ssl.SSLError):
        ask(lan, client)
    client.load_cert_chain(authority.file("host.test"), authority.file("host.test", "key"))
    assert ask(lan, client)[0] == b"hello False None"
    assert tls_guest.output_of("print(errors[0].args[1])") == (
        "MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE\n"
    )


def test_rsa(tls_guest: Guest, lan: Lan, authority: Authority) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.file("rsa.test"), authority.file("rsa.test", "key"))
    server = Server(lan, context)
    code = TALK % (HOST, server.port) + "print(talk(trusting(), None, 'rsa.test')[0][0])"
    assert tls_guest.output_of(code) == "b'HELLO'\n"
    server.close()
    chain, key = authority.text("rsa.test"), authority.text("rsa.test", "key")
    code = f"context = serving()\ncontext.load_cert_chain({chain!r}, {key!r})\n"
    tls_guest.output_of(SERVE + code + "_thread.start_new_thread(serve, (context,))")
    # Both are there: a client that knows RSA only gets that one.
    client = only(ssl.create_default_context(cafile=authority.file("ca")), VERSIONS[0])
    client.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    client.check_hostname = False
    assert ask(lan, client)[0] == b"hello False None"


def test_a_bundle_of_authorities(tls_guest: Guest, lan: Lan, authority: Authority) -> None:
    """Some are of a kind that Mbed TLS does not know: the others are there."""
    names = [f"ca{i}" for i in range(40)]
    bundle = [authority.other("ed25519", "stranger")]
    bundle += [authority.other("ec", name) for name in names]
    bundle.insert(20, authority.text("ca"))
    server = Server(lan, server_context(authority))
    code = (
        TALK % (HOST, server.port)
        + f"""
with open('/bundle.pem', 'w') as file: file.write({"".join(bundle)!r})
print(talk(ssl.create_default_context(cafile='/bundle.pem'))[0][0])
print(kind(ssl.create_default_context, cadata={bundle[0]!r}))
import os
os.putenv('SSL_CERT_FILE', '/bundle.pem')
print(talk(ssl.create_default_context())[0][0])
"""
    )
    assert tls_guest.output_of(code).splitlines() == [
        "b'HELLO'",
        "ValueError: invalid cert",
        "b'HELLO'",
    ]
    server.close()


def test_a_name_that_is_not_checked(tls_guest: Guest, lan: Lan, authority: Authority) -> None:
    server = Server(lan, server_context(authority))
    code = (
        TALK % (HOST, server.port)
        + """
context = trusting()
context.check_hostname = False
print(talk(context, None, 'other.test')[0][0], talk(context, None, None)[0][0])
"""
    )
    assert tls_guest.output_of(code) == "b'HELLO' b'HELLO'\n"
    server.close()
