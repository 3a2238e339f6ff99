# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What the tests of TLS talk to: an authority of openssl's, a server of Python's ssl."""

import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

from tools.guest import Guest
from tools.lan import Lan

HOST, GUEST = "192.168.77.1", "192.168.77.5"


class Authority:
    """One that signs certificates, in files of a directory."""

    def __init__(self, directory: Path, name: str) -> None:
        self.directory = directory
        self.name = name
        self._openssl("req", "-x509", "-subj", f"/CN={name}", "-days", "3650", *self._new(name))

    def sign(self, host: str, rsa: bool = False) -> None:
        """Make the files HOST.pem and HOST.key."""
        self._openssl("req", "-subj", f"/CN={host}", *self._new(host, "csr", rsa))
        extensions = self.directory / "extensions"
        extensions.write_text(f"subjectAltName=DNS:{host},IP:127.0.0.1")
        signer = ["-CA", self.file(self.name), "-CAkey", self.file(self.name, "key")]
        self._openssl(
            *("x509", "-req", "-in", self.file(host, "csr"), "-out", self.file(host)),
            *(*signer, "-CAcreateserial", "-days", "365", "-extfile", str(extensions)),
        )

    def other(self, kind: str, name: str) -> str:
        """The certificate of another authority, with a key of openssl's `kind`."""
        curve = ["-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "ec" else []
        key = ["-newkey", kind, *curve, "-nodes", "-keyout", self.file(name, "key")]
        self._openssl("req", "-x509", "-subj", f"/CN={name}", *key, "-out", self.file(name))
        return self.text(name)

    def file(self, name: str, suffix: str = "pem") -> str:
        return str(self.directory / f"{name}.{suffix}")

    def text(self, name: str, suffix: str = "pem") -> str:
        return Path(self.file(name, suffix)).read_text()

    def _new(self, name: str, suffix: str = "pem", rsa: bool = False) -> list[str]:
        ec = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        key = ["-newkey", *(["rsa:2048"] if rsa else ec), "-nodes"]
        return [*key, "-keyout", self.file(name, "key"), "-out", self.file(name, suffix)]

    def _openssl(self, *arguments: str) -> None:
        done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr


def prepare(guest: Guest, authority: Authority) -> None:
    """Give the guest the time, the names that the tests' programs use, and its certificate."""
    files = {
        "ca.pem": authority.text("ca"),
        "guest.pem": authority.text("guest.test"),
        "guest.key": authority.text("guest.test", "key"),
    }
    guest.output_of(f"""
import asyncio, hashlib, machine, socket, ssl, time, _thread
for name, text in {files!r}.items():
    with open('/' + name, 'w') as file: file.write(text)
machine.RTC().datetime({now()})
def kind(f, *args, **kw):
    try: return f(*args, **kw)
    except Exception as e: return type(e).__name__ + ': ' + str(e.args[-1]).strip()
def trusting(): return ssl.create_default_context(cafile='/ca.pem')
def serving():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain('/guest.pem', '/guest.key')
    return context
""")


def now() -> str:
    now = time.gmtime()
    return str((now.tm_year, now.tm_mon, now.tm_mday, 0, now.tm_hour, now.tm_min, now.tm_sec, 0))


class Server:
    """Echoes what each client sends, in capital letters, until it is closed."""

    def __init__(self, lan: Lan, context: ssl.SSLContext) -> None:
        with lan.inside():
            self._listener = socket.create_server((HOST, 0))
        self.port = self._listener.getsockname()[1]
        self._context = context
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(60)
            try:
                with self._context.wrap_socket(connection, server_side=True) as secure:
                    while data := secure.recv(65536):
                        secure.sendall(data.upper())
            except OSError:
                connection.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(60)


def server_context(authority: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.file("host.test"), authority.file("host.test", "key"))
    return context
