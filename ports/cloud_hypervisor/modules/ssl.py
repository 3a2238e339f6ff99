# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""CPython's ssl on the module tls, as far as that goes.

Certificates are checked unless one says otherwise, as in CPython; who signs them the user says: the
firmware has no certificate authorities of its own.
"""

import os

import tls
from tls import *  # noqa: F403
from tls import (
    CERT_NONE,
    CERT_OPTIONAL,
    CERT_REQUIRED,
    MBEDTLS_VERSION,
    PROTOCOL_TLS_CLIENT,
    PROTOCOL_TLS_SERVER,
)

SSLError = OSError
HAS_ALPN = HAS_SNI = HAS_TLSv1_2 = HAS_TLSv1_3 = True
OPENSSL_VERSION = MBEDTLS_VERSION

_PLACES = ("/rom/ca.pem", "/ca.pem", "/etc/ssl/certs/ca-certificates.crt")
"""Where create_default_context() looks for authorities, after the environment's SSL_CERT_FILE."""


class Purpose:
    SERVER_AUTH = PROTOCOL_TLS_CLIENT
    CLIENT_AUTH = PROTOCOL_TLS_SERVER


def _content(file_or_data):
    """What a file holds whose name is given; PEM and DER as they are."""
    if isinstance(file_or_data, str) and "-----BEGIN" not in file_or_data:
        with open(file_or_data, "rb") as file:
            return file.read()
    return file_or_data


class TLSVersion:
    TLSv1_2 = 0x0303
    TLSv1_3 = 0x0304


def _passed_on(name):
    return property(
        lambda self: getattr(self._context, name),
        lambda self, value: setattr(self._context, name, value),
    )


class SSLContext:
    verify_callback = _passed_on("verify_callback")
    check_hostname = _passed_on("check_hostname")
    minimum_version = _passed_on("minimum_version")
    maximum_version = _passed_on("maximum_version")

    def __init__(self, protocol=PROTOCOL_TLS_CLIENT):
        self._protocol = protocol
        self._context = tls.SSLContext(protocol)
        self._verify_mode = self._context.verify_mode
        self._has_authorities = False
        self.set_alpn_protocols = self._context.set_alpn_protocols
        self.get_ciphers = self._context.get_ciphers

    @property
    def verify_mode(self):
        return self._verify_mode

    @verify_mode.setter
    def verify_mode(self, mode):
        # As in CPython, of a client both mean the same: who has no certificate is no server.
        is_same = mode == CERT_OPTIONAL and self._protocol & PROTOCOL_TLS_SERVER == 0
        self._context.verify_mode = CERT_REQUIRED if is_same else mode
        self._verify_mode = mode

    def load_cert_chain(self, certfile, keyfile=None):
        """Names of files, or what is in them; without a key, both are in the first one."""
        certificate = _content(certfile)
        key = certificate if keyfile is None else _content(keyfile)
        self._context.load_cert_chain(certificate, key)

    def load_verify_locations(self, cafile=None, capath=None, cadata=None):
        if capath is not None:
            raise ValueError(
                "a directory of authorities cannot be used: give a file of all of them"
            )
        for data in (None if cafile is None else _content(cafile), cadata):
            if data is not None:
                self._context.load_verify_locations(data)
                self._has_authorities = True

    def load_default_certs(self, purpose=None):
        named = os.getenv("SSL_CERT_FILE")
        for place in (named,) if named else _PLACES:
            try:
                os.stat(place)
            except OSError:
                continue
            self.load_verify_locations(place)
            return

    def set_ciphers(self, ciphers):
        self._context.set_ciphers(ciphers.split(":") if isinstance(ciphers, str) else ciphers)

    def wrap_socket(
        self,
        sock,
        server_side=False,
        do_handshake_on_connect=True,
        server_hostname=None,
        session=None,
    ):
        if self.verify_mode != CERT_NONE and not self._has_authorities and not server_side:
            raise SSLError(
                "no certificate authorities: give create_default_context() a cafile, "
                "name one by SSL_CERT_FILE, or set verify_mode to CERT_NONE"
            )
        return self._context.wrap_socket(
            sock,
            server_side=server_side,
            do_handshake_on_connect=do_handshake_on_connect,
            server_hostname=server_hostname,
            session=session,
        )


def create_default_context(purpose=Purpose.SERVER_AUTH, *, cafile=None, capath=None, cadata=None):
    context = SSLContext(purpose)
    if cafile or capath or cadata:
        context.load_verify_locations(cafile, capath, cadata)
    elif purpose == Purpose.SERVER_AUTH:
        context.load_default_certs()
    return context


def _create_unverified_context(protocol=PROTOCOL_TLS_CLIENT):
    context = SSLContext(protocol)
    context.check_hostname = False
    context.verify_mode = CERT_NONE
    return context


def wrap_socket(
    sock,
    server_side=False,
    key=None,
    cert=None,
    cert_reqs=CERT_NONE,
    cadata=None,
    server_hostname=None,
    do_handshake=True,
):
    """MicroPython's; as there, nothing is checked unless `cert_reqs` says so."""
    context = SSLContext(PROTOCOL_TLS_SERVER if server_side else PROTOCOL_TLS_CLIENT)
    context.verify_mode = cert_reqs
    if cert or key:
        context.load_cert_chain(cert, key)
    if cadata:
        context.load_verify_locations(cadata=cadata)
    return context.wrap_socket(sock, server_side, do_handshake, server_hostname)
