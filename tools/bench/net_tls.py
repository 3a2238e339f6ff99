# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""TLS handshakes a second: our guest is the server, with a certificate of ECDSA P-256; the client
is Python's ssl, which checks nothing and resumes nothing."""

import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from ..errors import WorkFailed
from ..guest import Guest
from ..terminal import progress
from ..vmm import make_vmm
from ..vmm.base import Vmm
from .disk_count import cost_of
from .instruction_log import LoggingQemu
from .net_job import OURS
from .net_pair import Pair
from .report import Figures

VERSIONS = {"TLS 1.2": ssl.TLSVersion.TLSv1_2, "TLS 1.3": ssl.TLSVersion.TLSv1_3}
_COUNTS = {"qemu": 40}
_COUNT_ELSEWHERE = 10
_TIMEOUT = 120.0
_PORT = 8003
_PROGRAM = Path(__file__).parent / "net_server.py"


def make_certificate() -> tuple[str, str]:
    """One that has signed itself, and its key: PEM."""
    with tempfile.TemporaryDirectory(prefix="tls-") as directory:
        certificate, key = Path(directory) / "certificate", Path(directory) / "key"
        command = ["openssl", "req", "-x509", "-subj", "/CN=guest", "-days", "3650", "-nodes"]
        command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        done = subprocess.run(
            [*command, "-keyout", str(key), "-out", str(certificate)],
            capture_output=True,
            text=True,
            timeout=60,
        )
        if done.returncode != 0:
            raise WorkFailed(f"openssl made no certificate: {done.stderr.strip()}")
        return certificate.read_text(), key.read_text()


@contextmanager
def server(pair: Pair, vmm: Vmm, counting: bool = False) -> Iterator[Guest]:
    """Our guest, which serves."""
    with pair.machine(vmm, counting=counting) as guest:
        guest.wait_for_prompt()
        guest.output_of(_PROGRAM.read_text(), _TIMEOUT)
        for name, text in zip(("/pem", "/key"), make_certificate(), strict=True):
            guest.output_of(f"with open({name!r}, 'w') as file: file.write({text!r})")
        guest.output_of(
            f"_thread.start_new_thread(serve_tls, (listen({_PORT}), '/pem', '/key'))", _TIMEOUT
        )
        yield guest


def shake_hands(pair: Pair, version: ssl.TLSVersion, count: int) -> float:
    """Seconds that so many take, one after the other, each with a byte there and two back."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    begin = time.perf_counter()
    for _ in range(count):
        plain = pair.lan.connect(OURS.guest, _PORT, _TIMEOUT)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with context.wrap_socket(plain) as secure:
            secure.sendall(b".")
            got = b""
            while len(got) < 2 and (more := secure.recv(2)):
                got += more
            if got != b"..":
                raise WorkFailed("The guest ended a TLS connection.")
    return time.perf_counter() - begin


def measure(pair: Pair, name: str) -> Figures:
    """By version of TLS: `rates`, handshakes a second by VMM; `instructions` for each in QEMU."""
    figures: Figures = {version: {"rates": {}} for version in VERSIONS}
    with progress("Shaking hands") as line:
        for vmm in dict.fromkeys((name, "qemu")):
            line.detail(vmm)
            count = _COUNTS.get(vmm, _COUNT_ELSEWHERE)
            with server(pair, make_vmm(vmm)):
                for version, number in VERSIONS.items():
                    shake_hands(pair, number, 2)
                    rate = count / shake_hands(pair, number, count)
                    figures[version]["rates"][vmm] = rate
        line.detail("counting")
        counted = LoggingQemu()
        with server(pair, counted, counting=True):
            for version, number in VERSIONS.items():
                few, many = (
                    cost_of(counted, partial(shake_hands, pair, number, count)) for count in (1, 4)
                )
                figures[version]["instructions"] = round((many - few) / 3)
    return figures
