# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""CPython's socket, as far as it is cheap."""

from _socket import *  # noqa: F403
from _socket import (
    AF_INET,
    AF_INET6,
    IPPROTO_IPV6,
    IPV6_V6ONLY,
    SO_REUSEADDR,
    SOCK_STREAM,
    SOL_SOCKET,
    getaddrinfo,
    inet_ntop,
    inet_pton,
    socket,
)

has_ipv6 = True
INADDR_ANY = 0
INADDR_BROADCAST = 0xFFFFFFFF
_UNSET = object()


def create_connection(address, timeout=_UNSET, source_address=None):
    """A connection to the first address of the host that takes one."""
    error = None
    for family, type, proto, _, where in getaddrinfo(address[0], address[1], 0, SOCK_STREAM):
        made = None
        try:
            made = socket(family, type, proto)
            if timeout is not _UNSET:
                made.settimeout(timeout)
            if source_address:
                made.bind(source_address)
            made.connect(where)
            return made
        except OSError as e:
            error = e
            if made is not None:
                made.close()
    raise error


def create_server(address, *, family=AF_INET, backlog=None, dualstack_ipv6=False):
    """A socket that listens there."""
    made = socket(family, SOCK_STREAM)
    try:
        made.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        if family == AF_INET6:
            made.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, not dualstack_ipv6)
        made.bind(address)
        made.listen(*(() if backlog is None else (backlog,)))
    except BaseException:
        made.close()
        raise
    return made


def has_dualstack_ipv6():
    return True


def socketpair(family=AF_INET, type=SOCK_STREAM, proto=0):
    """Two sockets that are connected with each other, over the loopback interface."""
    host = "127.0.0.1" if family == AF_INET else "::1"
    with socket(family, SOCK_STREAM) as listener:
        listener.bind((host, 0))
        listener.listen(1)
        ours = socket(family, type, proto)
        try:
            ours.connect(listener.getsockname())
            while True:
                theirs, address = listener.accept()
                if address == ours.getsockname():
                    return ours, theirs
                theirs.close()  # Somebody else's.
        except BaseException:
            ours.close()
            raise


def gethostbyname(host):
    return getaddrinfo(host, 0, AF_INET, SOCK_STREAM)[0][-1][0]


def inet_aton(text):
    return inet_pton(AF_INET, text)


def inet_ntoa(packed):
    return inet_ntop(AF_INET, packed)
